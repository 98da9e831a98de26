import Crypto
import FileAccess
import Glibc
import TestSupport
import Testing

@testable import IntentServer

/// Reading token files and comparing tokens.
struct TokenSetTests {
    private let token = "0123456789abcdef0123456789abcdef"
    private let other = "another-token-of-some-length"

    @Test func severalTokensWithComments() throws {
        let set = try TokenSet(parsing: "# ours\n\n  \(token)  \r\n\(other)\n", path: "t")
        #expect(set.accepts(authorization: "Bearer \(token)"))
        #expect(set.accepts(authorization: "bearer  \(other) "))
        for wrong in [nil, "", "Bearer", "Bearer ", "Basic \(token)", "Bearer \(token)x", "Bearer x\(token)", token] {
            #expect(!set.accepts(authorization: wrong))
        }
    }

    @Test func digests() throws {
        let digest = SHA256.hash(data: Array(token.utf8)).map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
        let set = try TokenSet(parsing: "sha256:\(digest)", path: "t")
        #expect(set.accepts(authorization: "Bearer \(token)"))
        #expect(!set.accepts(authorization: "Bearer sha256:\(digest)"))
    }

    @Test(arguments: [
        ("", "holds no token"), ("# only\n", "holds no token"), ("short", "line 1"),
        ("0123456789abcdef\nhas a space in it", "line 2"), ("sha256:12", "line 1"),
        ("sha256:" + String(repeating: "+1", count: 32), "line 1"),
    ])
    func wrongFiles(text: String, names: String) {
        let error = #expect(throws: StartError.self) { try TokenSet(parsing: text, path: "tokens.txt") }
        #expect(error?.description.contains(names) == true)
        #expect(error?.description.contains("tokens.txt") == true)
    }

    /// A pipe would wait for somebody to write, a device never ends.
    @Test(.timeLimit(.minutes(1))) func onlyRegularFilesWithinTheLimitAreRead() throws {
        #expect(throws: StartError.file(.notARegularFile(path: "/dev/zero"))) { try TokenSet(path: "/dev/zero") }
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(throws: StartError.file(.notARegularFile(path: pipe))) { try TokenSet(path: pipe) }
        let (limit, large) = (RegularFile.documentLimit, try folder.write("large", ""))
        try #require(truncate(large, limit + 1) == 0)
        #expect(throws: StartError.file(.overLimit(path: large, bytes: limit + 1, limit: limit))) {
            try TokenSet(path: large)
        }
    }

    /// Kubernetes mounts a secret as links to a folder that is replaced.
    @Test func aMountedSecretIsRead() throws {
        let folder = try TemporaryFolder()
        try folder.write("..2026_01/tokens", token)
        try #require(symlink("..2026_01", folder.path + "/..data") == 0)
        try #require(symlink("..data/tokens", folder.path + "/tokens") == 0)
        let authenticator = try Authenticator(path: folder.path + "/tokens")
        #expect(authenticator.accepts(authorization: "Bearer \(token)"))
        try folder.write("..2026_02/tokens", other)
        try #require(symlink("..2026_02", folder.path + "/..new") == 0)
        try #require(rename(folder.path + "/..new", folder.path + "/..data") == 0)
        try authenticator.reload()
        #expect(authenticator.accepts(authorization: "Bearer \(other)"))
        #expect(!authenticator.accepts(authorization: "Bearer \(token)"))
    }

    @Test func missingFileAndBadEncoding() throws {
        #expect(throws: StartError.file(.notFound(path: "/nonexistent/tokens"))) {
            try TokenSet(path: "/nonexistent/tokens")
        }
        let folder = Fixture.path("")
        #expect(throws: StartError.file(.notARegularFile(path: folder))) { try TokenSet(path: folder) }
        let bytes = try TemporaryFolder()
        let path = try bytes.write("tokens", Array(token.utf8) + [0xff])
        #expect(throws: StartError.tokens(path: path, reason: "is not UTF-8")) { try TokenSet(path: path) }
    }
}
