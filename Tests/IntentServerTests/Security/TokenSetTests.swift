import Crypto
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

    @Test func missingFileAndBadEncoding() throws {
        #expect(throws: StartError.self) { try TokenSet(path: "/nonexistent/tokens") }
        #expect(throws: StartError.self) { try TokenSet(path: Fixture.path("")) }
    }
}
