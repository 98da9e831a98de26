import Glibc

/// Buffered lines on a file descriptor. A reader that went away ends the writing, not the process with a signal.
struct OutputWriter: ~Copyable {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    private static let flushSize = 1 << 16

    /// Ignores SIGPIPE for the process, so that a closed pipe is an error here.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        signal(SIGPIPE, SIG_IGN)
        buffer.reserveCapacity(Self.flushSize * 2)
    }

    /// Adds one line; writes out when the buffer is full.
    mutating func writeLine(_ line: String) throws(OutputError) {
        buffer.append(contentsOf: line.utf8)
        buffer.append(0x0a)
        if buffer.count >= Self.flushSize { try flush() }
    }

    /// Writes out what is buffered.
    mutating func flush() throws(OutputError) {
        var start = 0
        while start < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if count >= 0 {
                start += count
            } else if errno == EPIPE {
                throw .closed
            } else if errno == EAGAIN {
                // The descriptor does not wait by itself.
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = Glibc.poll(&poll, 1, -1)
            } else if errno != EINTR {
                throw .write(errno: errno)
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }
}

/// Why output could not be written.
enum OutputError: Error, Equatable, CustomStringConvertible {
    /// The reader of the pipe is gone.
    case closed
    case write(errno: Int32)

    var description: String {
        switch self {
        case .closed: "the reader of the output is gone"
        case .write(let code): "cannot write the output: \(String(cString: strerror(code)))"
        }
    }
}
