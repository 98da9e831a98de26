import Glibc
import NIOCore
import Synchronization

/// A descriptor that log lines go to, one write a line, so that lines of several threads do not mix.
///
/// A log that cannot be written must not stop the service: behind a reader that takes nothing, lines are dropped, and
/// counted in a line of their own once it reads on. Writes are no longer than a pipe takes whole (`PIPE_BUF`), so that
/// none waits where `poll` says that there is room.
final class LineOutput: Sendable {
    private struct State {
        /// Lines dropped since the last that was written.
        var dropped = 0
        /// True if a line was cut short.
        var endsInside = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    /// Time for a reader that is only busy, in milliseconds. It is given once: who did not read in it is not waited for
    /// again until it does.
    private static let patience: Int32 = 10
    private static let longestWrite = 4096

    /// - Parameter descriptor: not closed.
    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Writes a line, newline included, or drops it.
    func write(_ line: [UInt8]) {
        state.withLock { state in
            if state.dropped > 0 {
                guard hasRoom(0), put((state.endsInside ? [UInt8(ascii: "\n")] : []) + Self.note(state.dropped)) else {
                    state.dropped += 1
                    return
                }
                state = State()
            }
            var rest = line[...]
            while !rest.isEmpty {
                guard hasRoom(Self.patience), put(Array(rest.prefix(Self.longestWrite))) else {
                    state.dropped = 1
                    state.endsInside = rest.count < line.count
                    return
                }
                rest = rest.dropFirst(Self.longestWrite)
            }
        }
    }

    /// Whether a short write would not wait; after `milliseconds` at most.
    private func hasRoom(_ milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return Glibc.poll(&poll, 1, milliseconds) != 0
    }

    private func put(_ bytes: [UInt8]) -> Bool {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if count > 0 { start += count } else if count == 0 || errno != EINTR { return false }
        }
        return true
    }

    private static func note(_ count: Int) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("time", Timestamp.now())
            json.member("level", "warning")
            json.member("logger", "log")
            json.member("message", "log lines were dropped: their reader took none")
            json.member("lines", count)
        }
        return Array(json.buffer.readableBytesView) + [UInt8(ascii: "\n")]
    }
}
