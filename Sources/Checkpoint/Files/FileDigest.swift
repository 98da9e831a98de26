internal import Crypto

/// Content hashes of files, to tell model files apart.
public enum FileDigest {
    /// The file's SHA-256 in lower-case hexadecimal.
    /// - Throws: ``FileError`` if it cannot be read.
    public static func sha256(path: String) throws(FileError) -> String {
        let file = try MappedFile(path: path)
        var hasher = SHA256()
        file.withUnsafeBytes(0..<file.count) { hasher.update(bufferPointer: $0) }
        return hasher.finalize().hexadecimal
    }
}
