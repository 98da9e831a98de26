import CZlib

/// Why a gzip body was refused.
enum GzipError: Error, Equatable {
    case malformed
    case truncated
    /// Unpacked, it is larger than the limit.
    case tooLarge
    /// It grows more than the ratio allows: a bomb.
    case ratio
}

/// Unpacks gzip (RFC 1952), one member or several, within limits on size and growth.
enum GzipDecoder {
    /// Up to here growth is not looked at: a few bytes may well stand for a few thousand.
    static let freeBytes = 64 << 10

    /// - Parameters:
    ///   - limit: bytes that may come out.
    ///   - ratio: bytes out over bytes in, once more than ``freeBytes`` came out.
    static func inflate(
        _ input: UnsafeRawBufferPointer, limit: Int, ratio: Int
    ) throws(GzipError) -> [UInt8] {
        guard input.count > 0 else { throw .truncated }
        var stream = z_stream()
        // 16: a gzip header is expected, zlib's own is not.
        guard inflateInit2_(&stream, 16 + MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .malformed
        }
        defer { inflateEnd(&stream) }
        // zlib does not write to its input; the field is only not declared const.
        stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = UInt32(clamping: input.count)

        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 32 << 10)
        while true {
            let status = chunk.withUnsafeMutableBufferPointer { space in
                stream.next_out = space.baseAddress
                stream.avail_out = UInt32(space.count)
                return CZlib.inflate(&stream, Z_NO_FLUSH)
            }
            output += chunk.prefix(chunk.count - Int(stream.avail_out))
            guard output.count <= limit else { throw .tooLarge }
            let consumed = input.count - Int(stream.avail_in)
            guard output.count <= freeBytes || output.count / ratio <= consumed else { throw .ratio }
            switch status {
            case Z_OK: continue
            case Z_STREAM_END:
                if stream.avail_in == 0 { return output }
                guard inflateReset(&stream) == Z_OK else { throw .malformed }
            case Z_BUF_ERROR where stream.avail_in == 0: throw .truncated
            default: throw .malformed
            }
        }
    }
}
