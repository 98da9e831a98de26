import NIOCore

/// When a connection has to be cut: a state machine over what was read and written, without a clock of its own.
///
/// Each wait on a client is bounded: for a head once it has begun, for a body once its request is the one being
/// answered, for the next request, for an answer to be taken, and for the client's own close at the end. Waiting for
/// the model is not bounded here.
struct ConnectionTimer {
    /// What to do when time is up.
    enum Action: Equatable {
        /// Answer 408 and close: a head was begun and not finished.
        case refuseHead
        /// Let the request being read fail, so that its handler answers 408.
        case failBody
        case close(ConnectionRefusal?)
    }

    /// Time for a handler to answer after its body failed, and for the client to close after the last answer.
    static let lingerTime = TimeAmount.seconds(2)
    /// Bytes of a body that are read and thrown away after its answer has been sent.
    static let discardLimit = 256 << 10

    private let limits: ServerLimits
    /// Heads read whose answers have not ended.
    private var unanswered = 0
    /// True between a request's head and its end.
    private var readsBody = false
    private var discardedBytes = 0
    private var waitsForHead: (until: NIODeadline, begun: Bool)?
    private var bodyDeadline: NIODeadline?
    private var bodyFailed = false
    /// Answers handed to the socket and not yet taken; the oldest first.
    private var writes: [NIODeadline] = []
    private var lingerDeadline: NIODeadline?

    init(limits: ServerLimits, opened now: NIODeadline) {
        self.limits = limits
        waitsForHead = (now + TimeAmount(limits.headTimeout), begun: false)
    }

    /// True while an answer is owed.
    var isAnswering: Bool { unanswered > 0 }

    /// True while no request is being read or answered.
    var isIdle: Bool { unanswered == 0 && !readsBody }

    /// The next moment at which ``expired(at:)`` should be asked.
    var deadline: NIODeadline? {
        [waitsForHead?.until, bodyDeadline, writes.first, lingerDeadline].compactMap { $0 }.min()
    }

    /// Bytes came in, not yet parsed.
    mutating func bytesArrived(at now: NIODeadline) {
        guard let waiting = waitsForHead, !waiting.begun else { return }
        waitsForHead = (min(waiting.until, now + TimeAmount(limits.headTimeout)), begun: true)
    }

    mutating func headRead(at now: NIODeadline) {
        waitsForHead = nil
        unanswered += 1
        readsBody = true
        discardedBytes = 0
        bodyFailed = false
        if unanswered == 1 { bodyDeadline = now + TimeAmount(limits.bodyTimeout) }
    }

    /// - Returns: true if too much of an answered request's body keeps coming.
    mutating func bodyRead(bytes: Int) -> Bool {
        guard unanswered == 0 else { return false }
        discardedBytes += bytes
        return discardedBytes > Self.discardLimit
    }

    mutating func requestEnded(at now: NIODeadline) {
        readsBody = false
        bodyDeadline = nil
        if unanswered == 0 { awaitHead(now) }
    }

    /// An answer's last part was handed to the socket.
    mutating func responseEnded(at now: NIODeadline) {
        unanswered = max(0, unanswered - 1)
        writes.append(now + TimeAmount(limits.writeTimeout))
        if readsBody {
            // Its own answer, or that of the request before it: either way this body is now what is waited for.
            if unanswered <= 1 { bodyDeadline = now + TimeAmount(limits.bodyTimeout) }
        } else if unanswered == 0 {
            awaitHead(now)
        }
    }

    /// The socket took the oldest answer.
    mutating func responseTaken() { if !writes.isEmpty { writes.removeFirst() } }

    /// The sending side was closed: nothing more will be answered.
    mutating func outputClosed(at now: NIODeadline) {
        lingerDeadline = lingerDeadline ?? now + Self.lingerTime
        waitsForHead = nil
    }

    /// What to do at `now`, if a deadline has passed.
    mutating func expired(at now: NIODeadline) -> Action? {
        if let lingerDeadline, now >= lingerDeadline { return .close(nil) }
        if let oldest = writes.first, now >= oldest { return .close(.slowReader) }
        if let waiting = waitsForHead, now >= waiting.until {
            return waiting.begun ? .refuseHead : .close(.idle)
        }
        if let bodyDeadline, now >= bodyDeadline {
            guard unanswered > 0, !bodyFailed else { return .close(.slowBody) }
            bodyFailed = true
            self.bodyDeadline = now + Self.lingerTime
            return .failBody
        }
        return nil
    }

    private mutating func awaitHead(_ now: NIODeadline) {
        waitsForHead = (now + TimeAmount(limits.idleTimeout), begun: false)
    }
}
