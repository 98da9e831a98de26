import Dispatch
import Glibc

/// A pipe whose writing end a test feeds from a thread of its own; the reading end closes with it.
final class FeedPipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        (readEnd, writeEnd) = (ends[0], ends[1])
        signal(SIGPIPE, SIG_IGN)
    }

    /// Feeds `bytes` in pieces of `size`, then closes the writing end.
    convenience init(_ bytes: [UInt8], pieces size: Int = 1 << 16) {
        self.init()
        DispatchQueue(label: "feed").async { [self] in
            var start = 0
            while start < bytes.count {
                let end = min(start + size, bytes.count)
                write(Array(bytes[start..<end]))
                start = end
            }
            closeWriting()
        }
    }

    convenience init(_ text: String, pieces size: Int = 1 << 16) { self.init(Array(text.utf8), pieces: size) }

    func write(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { Glibc.write(writeEnd, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            start += count
        }
    }

    func write(_ text: String) { write(Array(text.utf8)) }

    func closeWriting() { close(writeEnd) }

    /// Reads what no one else reads, until the writing end is closed.
    func drain() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while read(readEnd, &buffer, buffer.count) > 0 {}
    }

    deinit { close(readEnd) }
}
