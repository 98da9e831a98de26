import Glibc
import Synchronization

/// Standard error as a place for whole lines: one write a line, so that lines of several threads do not mix.
enum StandardError {
    private static let turn = Mutex(())

    @Sendable static func write(_ line: [UInt8]) {
        turn.withLock { _ in
            var start = 0
            while start < line.count {
                let count = line.withUnsafeBytes {
                    Glibc.write(STDERR_FILENO, $0.baseAddress! + start, line.count - start)
                }
                if count > 0 {
                    start += count
                } else if errno != EINTR {
                    // A log that cannot be written must not stop the service.
                    return
                }
            }
        }
    }
}
