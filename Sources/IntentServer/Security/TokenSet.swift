import Crypto
import FileAccess

/// The bearer tokens that are accepted, as SHA-256 digests: what is compared has one length, and a look at memory or
/// timing gives no token away.
struct TokenSet: Sendable, Equatable {
    /// Characters of a token at least: 128 bits in hexadecimal are twice as long.
    static let minimumLength = 16

    private let digests: [[UInt8]]

    /// Reads a token file: one token a line; blank lines and lines that start with `#` are skipped. A line
    /// `sha256:HEX` holds the digest of a token instead of the token.
    /// - Parameter path: for messages.
    init(parsing text: String, path: String) throws(StartError) {
        var digests: [[UInt8]] = []
        for (number, entry) in text.entries {
            if entry.hasPrefix("sha256:") {
                guard let digest = Self.bytes(hexadecimal: entry.dropFirst("sha256:".count)) else {
                    throw .tokens(path: path, reason: "line \(number): sha256: must be followed by 64 digits")
                }
                digests.append(digest)
            } else {
                guard entry.utf8.count >= Self.minimumLength else {
                    throw .tokens(
                        path: path,
                        reason: "line \(number): a token needs at least \(Self.minimumLength) characters; "
                            + "'openssl rand -hex 32' makes a good one")
                }
                guard entry.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                    throw .tokens(path: path, reason: "line \(number): a token is ASCII without spaces")
                }
                digests.append(Self.digest(entry))
            }
        }
        guard !digests.isEmpty else { throw .tokens(path: path, reason: "holds no token") }
        self.digests = digests
    }

    /// Reads the file at `path`: a regular file, since it is read again when it changes.
    /// - Throws: ``StartError``.
    init(path: String) throws(StartError) {
        let bytes: [UInt8]
        do { bytes = try RegularFile.contents(path) } catch { throw .file(error) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .tokens(path: path, reason: "is not UTF-8")
        }
        try self.init(parsing: text, path: path)
    }

    /// True if `authorization` is `Bearer` and one of the tokens. Every digest is compared to the end, whichever fits.
    func accepts(authorization: String?) -> Bool {
        guard let authorization, let space = authorization.firstIndex(of: " "),
            authorization[..<space].lowercased() == "bearer"
        else { return false }
        let digest = Self.digest(authorization[authorization.index(after: space)...].trimmed)
        var matches: UInt8 = 0
        for known in digests {
            var difference: UInt8 = 0
            for (left, right) in zip(known, digest) { difference |= left ^ right }
            // 1 if difference is 0, without a branch on it.
            matches |= UInt8(truncatingIfNeeded: (UInt16(difference) &- 1) >> 8) & 1
        }
        return matches == 1
    }

    private static func digest(_ token: String) -> [UInt8] { Array(SHA256.hash(data: Array(token.utf8))) }

    private static func bytes(hexadecimal text: Substring) -> [UInt8]? {
        guard text.utf8.count == 64, text.allSatisfy(\.isHexDigit) else { return nil }
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
