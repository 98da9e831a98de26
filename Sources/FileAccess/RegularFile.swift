#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Opens and reads files, and refuses what is none: folders, pipes, devices.
package enum RegularFile {
    /// Largest settings, label, token or certificate file accepted, in bytes: far more than any of them needs.
    package static let documentLimit = 16_000_000

    /// Calls `body` with a descriptor of the file at `path`, valid only inside the call, and the file's size.
    /// - Parameter limit: largest file accepted, in bytes.
    /// - Throws: ``FileError`` if it cannot be opened, is not a regular file or is larger, or what `body` throws.
    package static func withDescriptor<R>(
        _ path: String, limit: Int = .max, _ body: (_ descriptor: Int32, _ size: Int) throws(FileError) -> R
    ) throws(FileError) -> R {
        // Of a pipe, open would wait for somebody to write.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError.last(.open, path) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError.last(.read, path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.notARegularFile(path: path) }
        guard let size = Int(exactly: status.st_size), size >= 0 else { throw FileError.tooLarge(path: path) }
        guard size <= limit else { throw .overLimit(path: path, bytes: size, limit: limit) }
        return try body(descriptor, size)
    }

    /// The first bytes of the file at `path`, `limit` at most. Files of /proc say that they are empty, and are not.
    /// - Throws: ``FileError``.
    package static func prefix(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try withDescriptor(path) { descriptor, _ throws(FileError) in try bytes(limit, descriptor, path) }
    }

    /// The whole file at `path`. Not mapped: such files are small, and may be written over in place while a server
    /// reads them.
    /// - Parameter limit: largest file accepted, in bytes.
    /// - Throws: ``FileError``.
    package static func contents(_ path: String, limit: Int = documentLimit) throws(FileError) -> [UInt8] {
        try withDescriptor(path, limit: limit) { descriptor, size throws(FileError) in
            try bytes(size, descriptor, path)
        }
    }

    /// The next bytes of an open file, `count` unless it ends before.
    package static func bytes(_ count: Int, _ descriptor: Int32, _ path: String) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let filled = try bytes.withUnsafeMutableBufferPointer { buffer throws(FileError) in
            try fill(UnsafeMutableRawBufferPointer(buffer), descriptor, path)
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    /// Reads the next bytes of an open file until `buffer` is full or the file ends.
    /// - Returns: how many bytes were read.
    package static func fill(
        _ buffer: UnsafeMutableRawBufferPointer, _ descriptor: Int32, _ path: String
    ) throws(FileError) -> Int {
        guard let start = buffer.baseAddress else { return 0 }
        var filled = 0
        while filled < buffer.count {
            let count = read(descriptor, start + filled, buffer.count - filled)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError.last(.read, path)
            }
            filled += count
        }
        return filled
    }
}
