import CZlib

/// Streaming gzip decompression over zlib; several members in a row are one stream.
///
/// The z_stream lives in its own allocation because zlib keeps a pointer to it.
struct GzipInflater: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>
    private var scratch = [UInt8](repeating: 0, count: 1 << 16)
    /// True behind a whole member: the only place where the stream may end.
    private(set) var isBetweenMembers = false
    /// True if zlib may hold more output for the input that it has.
    private(set) var hasMore = false

    init() throws(InputError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 window bits; +16 accepts gzip framing only.
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            throw .damagedGzip
        }
    }

    /// Inflates until `input` is used up or one scratch buffer (64 KiB) is full.
    /// - Returns: how many bytes of `input` were used.
    mutating func inflate(_ input: ArraySlice<UInt8>, into output: inout [UInt8]) throws(InputError) -> Int {
        let stream = stream
        var status = Z_OK
        var produced = 0
        let used = input.withUnsafeBufferPointer { source in
            scratch.withUnsafeMutableBufferPointer { target in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.pointee.avail_in = UInt32(source.count)
                stream.pointee.next_out = target.baseAddress
                stream.pointee.avail_out = UInt32(target.count)
                status = CZlib.inflate(stream, Z_NO_FLUSH)
                produced = target.count - Int(stream.pointee.avail_out)
                return source.count - Int(stream.pointee.avail_in)
            }
        }
        output.append(contentsOf: scratch[..<produced])
        hasMore = produced == scratch.count
        switch status {
        case Z_OK, Z_BUF_ERROR:
            isBetweenMembers = false
            // No progress with input to hand cannot be; without input it says that there was no more output.
            if used == 0, produced == 0, !input.isEmpty { throw .damagedGzip }
        case Z_STREAM_END:
            isBetweenMembers = true
            hasMore = false
            inflateReset(stream)
        default:
            throw .damagedGzip
        }
        return used
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }
}
