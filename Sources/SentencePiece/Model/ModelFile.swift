#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Reads a model file whole.
enum ModelFile {
    /// The bytes of the file at `path`.
    /// - Throws: ``SentencePieceError`` if it cannot be read, is not a regular file, or is too large.
    static func contents(of path: String) throws(SentencePieceError) -> [UInt8] {
        // Of a pipe, open would wait for somebody to write.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw lastError(path) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw lastError(path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile(path: path) }
        let size = Int(status.st_size)
        guard size <= ModelProto.fileLimit else { throw .fileTooLarge(bytes: size, limit: ModelProto.fileLimit) }
        var failure: SentencePieceError?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let count = read(descriptor, buffer.baseAddress! + filled, size - filled)
                if count < 0 {
                    if errno == EINTR { continue }
                    failure = lastError(path)
                    return
                }
                // Another process cut the file short after its size was read: what is there is parsed.
                if count == 0 { return }
                filled += count
            }
        }
        if let failure { throw failure }
        return bytes
    }

    private static func lastError(_ path: String) -> SentencePieceError {
        let code = errno
        if code == ENOENT { return .notFound(path: path) }
        return .unreadable(path: path, code: code, message: String(cString: strerror(code)))
    }
}
