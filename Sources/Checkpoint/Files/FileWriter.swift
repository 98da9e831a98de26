internal import Crypto
internal import FileAccess
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Writes a new file from start to end through a buffer, and its SHA-256 along the way.
///
/// A file that was not ``finish()``ed is closed but stays, cut short: write into a temporary folder.
struct FileWriter: ~Copyable {
    let path: String
    /// Bytes written so far.
    private(set) var count = 0

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var hasher = SHA256()

    private static let bufferSize = 1 << 20

    /// Creates the file; there must be none of this name.
    init(creating path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.last(.create, path) }
        buffer.reserveCapacity(Self.bufferSize)
    }

    deinit { _ = close(descriptor) }

    mutating func write(_ bytes: [UInt8]) throws(FileError) {
        try bytes.withTypedBytes { raw throws(FileError) in try write(raw) }
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        count += bytes.count
        if buffer.count + bytes.count > Self.bufferSize { try flush() }
        if bytes.count >= Self.bufferSize {
            try writeThrough(bytes)
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// Writes what is buffered and waits until the file is on the disk.
    /// - Returns: the SHA-256 of the file, in hexadecimal.
    mutating func finish() throws(FileError) -> String {
        try flush()
        guard fsync(descriptor) == 0 else { throw FileError.last(.write, path) }
        return hasher.finalize().hexadecimal
    }

    private mutating func flush() throws(FileError) {
        guard !buffer.isEmpty else { return }
        let full = buffer
        try full.withTypedBytes { raw throws(FileError) in try writeThrough(raw) }
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func writeThrough(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        hasher.update(bufferPointer: bytes)
        var rest = bytes
        while !rest.isEmpty {
            #if canImport(Darwin)
            let written = Darwin.write(descriptor, rest.baseAddress, rest.count)
            #elseif canImport(Musl)
            let written = Musl.write(descriptor, rest.baseAddress, rest.count)
            #else
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            #endif
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw FileError.last(.write, path) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        }
    }
}

extension Digest {
    /// The digest as lower-case hexadecimal.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
