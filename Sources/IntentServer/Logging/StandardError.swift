import Glibc

/// Standard error as a place for whole lines: see ``LineOutput``.
enum StandardError {
    private static let output = LineOutput(descriptor: STDERR_FILENO)

    @Sendable static func write(_ line: [UInt8]) { output.write(line) }
}
