import CZlib
import Glibc

/// Bytes of a file descriptor, inflated when they are gzip (RFC 1952; several members may follow each other).
///
/// Memory is bounded by two fixed buffers, whatever the input.
struct ByteSource: ~Copyable {
    private let descriptor: Int32
    private var input: [UInt8]
    private var inputRange = 0..<0
    private var inflater: GzipInflater?
    /// `inflater.hasMore`, where it can be read without touching the inflater.
    private var inflaterHasMore = false
    private var detected = false
    private var ended = false

    private static let bufferSize = 1 << 16

    /// - Parameter descriptor: read to its end; not closed.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        input = [UInt8](repeating: 0, count: Self.bufferSize)
    }

    /// True when `read` would have to wait for the other end: what was read so far should not wait with it.
    var wouldBlock: Bool {
        if !inputRange.isEmpty || ended || inflaterHasMore { return false }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 0
    }

    /// Appends the next bytes to `output`, or none where what was read unpacks to nothing yet; false at the end.
    /// - Throws: `InputError` for a read error or a damaged gzip stream.
    mutating func read(into output: inout [UInt8]) throws(InputError) -> Bool {
        while true {
            if inputRange.isEmpty, !ended, !inflaterHasMore { try fill() }
            if !detected { try detectGzip() }
            if inflater == nil {
                guard !inputRange.isEmpty else { return false }
                output.append(contentsOf: input[inputRange])
                inputRange = 0..<0
                return true
            }
            if inflater?.isBetweenMembers == true { skipPadding() }
            if inputRange.isEmpty, !inflaterHasMore {
                if !ended { return true }
                guard inflater?.isBetweenMembers == true else { throw .truncatedGzip }
                return false
            }
            let before = output.count
            let used = try inflater?.inflate(input[inputRange], into: &output) ?? 0
            inflaterHasMore = inflater?.hasMore ?? false
            inputRange = (inputRange.lowerBound + used)..<inputRange.upperBound
            if output.count > before { return true }
        }
    }

    /// Zeros may follow a gzip member: tapes and block devices pad with them.
    private mutating func skipPadding() {
        let first = input[inputRange].firstIndex { $0 != 0 } ?? inputRange.upperBound
        inputRange = first..<inputRange.upperBound
    }

    private mutating func detectGzip() throws(InputError) {
        // A pipe may hand over one byte first; two are needed to tell.
        if inputRange.count == 1, !ended {
            let first = input[inputRange.lowerBound]
            inputRange = 0..<0
            try fill()
            input.insert(first, at: 0)
            inputRange = 0..<inputRange.count + 1
        }
        detected = true
        if inputRange.count >= 2, input[inputRange.lowerBound] == 0x1f, input[inputRange.lowerBound + 1] == 0x8b {
            inflater = try GzipInflater()
        }
    }

    private mutating func fill() throws(InputError) {
        while true {
            let count = Glibc.read(descriptor, &input, Self.bufferSize)
            if count > 0 {
                inputRange = 0..<count
                return
            }
            if count == 0 {
                ended = true
                return
            }
            if errno == EAGAIN {
                // The descriptor does not wait by itself.
                var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = Glibc.poll(&poll, 1, -1)
            } else if errno != EINTR {
                throw .read(errno: errno)
            }
        }
    }
}

/// Why an input stream could not be read on.
enum InputError: Error, Equatable, CustomStringConvertible {
    case read(errno: Int32)
    case damagedGzip
    case truncatedGzip

    var description: String {
        switch self {
        case .read(let code): "cannot read the input: \(String(cString: strerror(code)))"
        case .damagedGzip: "the input's gzip stream is damaged"
        case .truncatedGzip: "the input's gzip stream ends early"
        }
    }
}
