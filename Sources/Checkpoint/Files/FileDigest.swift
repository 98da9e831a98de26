internal import Crypto
public import FileAccess

/// Content hashes of files, to tell model files apart.
public enum FileDigest {
    /// Bytes read at once.
    private static let chunk = 1 << 18

    /// The file's SHA-256 in lower-case hexadecimal.
    /// - Throws: ``FileError`` if it cannot be read.
    public static func sha256(path: String) throws(FileError) -> String {
        try RegularFile.withDescriptor(path) { descriptor, _ throws(FileError) in
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 16)
            defer { buffer.deallocate() }
            var hasher = SHA256()
            while true {
                let count = try RegularFile.fill(buffer, descriptor, path)
                hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                if count < buffer.count { return hasher.finalize().hexadecimal }
            }
        }
    }
}
