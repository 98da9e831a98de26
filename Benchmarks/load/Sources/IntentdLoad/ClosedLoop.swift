import NIOCore

/// Sends each request when the one before has been answered; what is refused or late is sent again.
///
/// `@unchecked Sendable`: all state is touched on the pool's loop only, but for the start and after the end.
final class ClosedLoop: @unchecked Sendable {
    private let loop: any EventLoop
    private var pool: ConnectionPool?
    private var answers: [Int: ByteBuffer] = [:]
    private var left: [(message: Int, body: ByteBuffer)]
    private var firstFailure: Int?
    private var outstanding = 0
    private let done: EventLoopPromise<Void>

    /// - Parameter bodies: what to send, each with a key for its answer.
    init(_ bodies: [(message: Int, body: ByteBuffer)], loop: any EventLoop) {
        left = bodies.reversed()
        self.loop = loop
        done = loop.makePromise()
    }

    /// Sends everything over `target.connections` connections.
    /// - Returns: the body of each 200.
    /// - Throws: `LoadError` if any answer has another status.
    func run(_ target: Target) async throws -> [Int: ByteBuffer] {
        let pool = ConnectionPool(loop: loop, target: target) { [self] exchange, outcome in
            outstanding -= 1
            if case .response(200, let body, _) = outcome {
                answers[exchange.message] = body
            } else if case .response(let status, _, _) = outcome, status == 429 || status == 504 {
                // A service that has just been disturbed may refuse a large call, or be late with it. The time counts.
                left.append((exchange.message, exchange.body))
                _ = loop.scheduleTask(in: .milliseconds(50)) { self.sendNext() }
                return
            } else if case .response(let status, _, _) = outcome {
                firstFailure = firstFailure ?? status
            } else {
                firstFailure = firstFailure ?? 0
            }
            sendNext()
        }
        try await pool.open()
        try await loop.submit { [self] in
            self.pool = pool
            for _ in 0..<target.connections { sendNext() }
        }.get()
        try await done.futureResult.get()
        if let firstFailure { throw LoadError(status: firstFailure) }
        return answers
    }

    private func sendNext() {
        guard let next = left.popLast() else {
            if outstanding == 0 { done.succeed() }
            return
        }
        outstanding += 1
        pool?.send(Exchange(message: next.message, body: next.body, intended: .now()))
    }
}

/// A request that should have been answered was not.
struct LoadError: Error, CustomStringConvertible {
    /// 0 if the connection broke.
    let status: Int

    var description: String { status == 0 ? "the connection broke" : "the service answered \(status)" }
}
