import FileAccess
import Glibc
import HTTPTypes
import HummingbirdTesting
import TestSupport
import Testing

@testable import IntentServer

/// With tokens on, health is open and everything else is closed.
struct AuthenticationTests {
    private let token = "0123456789abcdef0123456789abcdef"

    @Test func healthIsOpenAndTheRestIsClosed() async throws {
        let folder = try TemporaryFolder()
        var service = TestService()
        service.authenticator = try Authenticator(path: try folder.write("tokens", token))
        try await service.routed { client in
            for route in Route.allCases {
                let path = route.path.replacing("{name}", with: "stub").replacing("{version}", with: "1")
                let headers: HTTPFields = [.contentType: "application/json"]
                let response = try await client.execute(
                    uri: path, method: route.method, headers: headers, body: nil) { $0 }
                if route.isOpen {
                    #expect(response.status == .ok, "\(path)")
                } else {
                    #expect(response.status == .unauthorized, "\(path)")
                    #expect(response.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
                }
            }
            for path in ["/nothing", "/classify/", "/livez/", "/livez/..", "//livez"] {
                #expect(try await client.get(path).status == .unauthorized, "\(path)")
            }
            var headers: HTTPFields = [.contentType: "application/json"]
            headers[.authorization] = "Bearer \(token)"
            #expect(try await client.post("/classify", #"{"text":"card"}"#, headers: headers).status == .ok)
            headers[.authorization] = "Bearer wrong-token-wrong-token"
            #expect(try await client.post("/classify", #"{"text":"card"}"#, headers: headers).status == .unauthorized)
        }
    }

    @Test func reloadTakesNewTokensAndKeepsOldOnesOnAMistake() throws {
        let folder = try TemporaryFolder()
        let authenticator = try Authenticator(path: try folder.write("tokens", token))
        let renewed = String(token.reversed())
        try folder.write("tokens", renewed)
        #expect(authenticator.accepts(authorization: "Bearer \(token)"))
        try authenticator.reload()
        #expect(!authenticator.accepts(authorization: "Bearer \(token)"))
        #expect(authenticator.accepts(authorization: "Bearer \(renewed)"))
        try folder.write("tokens", "")
        #expect(throws: StartError.self) { try authenticator.reload() }
        #expect(authenticator.accepts(authorization: "Bearer \(renewed)"))
        try #require(unlink(authenticator.path) == 0 && mkfifo(authenticator.path, 0o600) == 0)
        #expect(throws: StartError.file(.notARegularFile(path: authenticator.path))) { try authenticator.reload() }
        #expect(authenticator.accepts(authorization: "Bearer \(renewed)"))
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("localhost", true), ("0.0.0.0", false),
        ("::", false), ("10.0.0.1", false), ("192.168.1.1", false), ("example.org", false), ("", false),
        ("::ffff:127.0.0.1", false), ("127.0.0.1.example.org", false),
    ])
    func publicAddressNeedsAuthentication(host: String, isLoopback: Bool) throws {
        #expect(BindPolicy.isLoopback(host) == isLoopback)
        if !isLoopback {
            #expect(throws: StartError.openToAll(host: host)) {
                try BindPolicy.check(host: host, isAuthenticated: false, allowsAnyone: false)
            }
        }
        try BindPolicy.check(host: host, isAuthenticated: true, allowsAnyone: false)
        try BindPolicy.check(host: host, isAuthenticated: false, allowsAnyone: true)
    }
}
