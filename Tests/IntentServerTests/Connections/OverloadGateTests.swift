import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import TestSupport
import Testing

@testable import IntentServer

/// What is refused before the router sees it gets the answer that the router would have given.
struct OverloadGateTests {
    private static let body = #"{"text":"my card"}"#

    private static func request(_ body: String = body, _ headers: String = "", path: String = "/classify") -> String {
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\(headers)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// A model under overload; `unread` is what the gate is told.
    private static func overloaded(unread: Duration?) -> StubClassifier {
        StubClassifier(refusesUnread: { _ in unread }) { (_) throws(ClassificationFailure) in
            throw .overloaded(retryAfter: .seconds(2))
        }
    }

    /// The head's lines, sorted, and the body, of a refusal; without what differs between any two.
    private static func refusal(_ service: TestService, _ request: String) async throws -> [String] {
        try await service.live { client in
            let socket = try RawSocket(port: try #require(client.port))
            try socket.send(request)
            let answer = await socket.read { $0.hasSuffix("}}") }
            let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
            let lines = parts[0].split(separator: "\r\n").map { $0.hasPrefix("Date: ") ? "Date" : String($0) }
            return lines.sorted() + [String(parts[1])]
        }
    }

    @Test func theAnswerIsTheUsualOne() async throws {
        let request = Self.request(Self.body, "X-Request-Id: id-7\r\n")
        let early = TestService(Self.overloaded(unread: .seconds(2)))
        let usual = TestService(Self.overloaded(unread: nil))
        let answers = (try await Self.refusal(early, request), try await Self.refusal(usual, request))
        #expect(answers.0 == answers.1)
        #expect(answers.0.contains("Retry-After: 2") && answers.0.contains("HTTP/1.1 429 Too Many Requests"))
        for service in [early, usual] {
            let metrics = service.metrics.registry.exposition()
            for line in [
                #"intentd_messages_total{outcome="refused"} 1"#, "intentd_http_requests_in_flight 0",
                #"intentd_http_requests_total{route="/classify",method="POST",code="429"} 1"#,
                #"intentd_http_request_duration_seconds_count{route="/classify"} 1"#,
            ] { #expect(metrics.contains(line), "\(line)") }
            let log = try #require(service.log.text.split(separator: "\n").first { $0.contains("id-7") })
            for part in [#""level":"info""#, #""method":"POST""#, #""route":"/classify""#, #""status":429"#] {
                #expect(log.contains(part), "\(part)")
            }
        }
    }

    /// The status of the answer to a request that is sent in one piece.
    private static func status(_ client: any TestClientProtocol, _ request: String) async throws -> String {
        let socket = try RawSocket(port: try #require(client.port))
        try socket.send(request)
        return String(await socket.read { $0.contains("\r\n\r\n") }.dropFirst("HTTP/1.1 ".count).prefix(3))
    }

    @Test func theLengthOfTheMessageDecides() async throws {
        let stub = StubClassifier(refusesUnread: { $0 > 7 ? .seconds(1) : nil })
        try await TestService(stub).live { client in
            let short = try await Self.status(client, Self.request())
            let long = try await Self.status(client, Self.request(#"{"text":"my cards"}"#))
            #expect(short == "200" && long == "429")
        }
    }

    /// Other faults of a request are told as ever, and what is not plain is not judged by its length.
    @Test(arguments: [
        (#"{"text":"#, "", "/classify", "400"), (#"{"text":" "}"#, "", "/classify", "422"),
        (#"{"text":"card","top_k":0}"#, "", "/classify", "422"), (#"{"text":"card","more":1}"#, "", "/classify", "422"),
        (body, "Content-Encoding: br\r\n", "/classify", "415"),
        (body, "Expect: 100-continue\r\n", "/classify", "100"),
        (body, "X-Request-Timeout-Ms: 100\r\n", "/classify", "200"),
        (body, "Connection: close\r\n", "/classify", "200"),
        (#"{"text":"card","timeout_ms":100}"#, "", "/classify", "200"),
        (#"{"texts":["card"]}"#, "", "/classify", "200"),
        (body, "", "/classify?a=b", "200"), (#"{"inputs":"card"}"#, "", "/predict", "200"), (body, "", "/none", "404"),
    ])
    func whatIsNotPlainGoesTheUsualWay(body: String, headers: String, path: String, status: String) async throws {
        try await TestService(StubClassifier(refusesUnread: { _ in .seconds(1) })).live { client in
            let answer = try await Self.status(client, Self.request(body, headers, path: path))
            #expect(answer == status)
        }
    }

    @Test func aTokenIsAskedFor() async throws {
        let token = "0123456789abcdef0123"
        let file = FileManager.default.temporaryDirectory.appending(path: "gate-\(UUID().uuidString)").path()
        try token.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        var service = TestService(StubClassifier(refusesUnread: { _ in .seconds(1) }))
        service.authenticator = try Authenticator(path: file)
        try await service.live { client in
            let without = try await Self.status(client, Self.request())
            let with = try await Self.status(client, Self.request(Self.body, "Authorization: Bearer \(token)\r\n"))
            #expect(without == "401" && with == "429")
        }
    }

    @Test func beforeReadyAndWhileDrainingTheServiceSaysSo() async throws {
        try await TestService(nil).live { client in
            let answer = try await Self.status(client, Self.request())
            #expect(answer == "503")
        }
        let service = TestService(StubClassifier(refusesUnread: { _ in .seconds(1) }))
        service.readiness.beginDraining()
        try await service.live { client in
            let answer = try await Self.status(client, Self.request())
            #expect(answer == "200")
        }
    }

    /// A request that comes in pieces is held for none of them, and is answered.
    @Test func aRequestInPiecesGoesTheUsualWay() async throws {
        let service = TestService(StubClassifier(refusesUnread: { _ in .seconds(1) }))
        try await service.live { client in
            let socket = try RawSocket(port: try #require(client.port))
            let request = Self.request()
            try socket.send(String(request.dropLast(5)))
            // Passed on: what comes now is another piece.
            #expect(await eventually {
                service.metrics.registry.exposition().contains("intentd_http_requests_in_flight 1")
            })
            try socket.send(String(request.suffix(5)))
            #expect(await socket.read { $0.hasSuffix("}}") }.hasPrefix("HTTP/1.1 200"))
        }
    }

    /// Answers keep the requests' order, whichever way they take.
    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let stub = StubClassifier(refusesUnread: { $0 > 7 ? .seconds(1) : nil })
        try await TestService(stub).live { client in
            let socket = try RawSocket(port: try #require(client.port))
            let requests = (0..<20).map { number in
                let text = number.isMultiple(of: 3) ? "my card" : "my cards"
                return Self.request("{\"text\":\"\(text)\"}", "X-Request-Id: r\(number)\r\n")
            }
            try socket.send(requests.joined())
            let answer = await socket.read { $0.split(separator: "HTTP/1.1 ").count >= 20 && $0.hasSuffix("}}") }
            let ids = answer.split(separator: "\r\n").compactMap { line -> String? in
                line.lowercased().hasPrefix("x-request-id: ") ? String(line.dropFirst("x-request-id: ".count)) : nil
            }
            #expect(ids == (0..<20).map { "r\($0)" })
        }
    }

    /// The connection's timers know nothing of the short cut: an idle connection is closed when it would be.
    @Test func aConnectionOfRefusalsIsKeptAndClosedWhenIdle() async throws {
        var service = TestService(StubClassifier(refusesUnread: { _ in .seconds(1) }))
        service.limits.headTimeout = .milliseconds(300)
        service.limits.idleTimeout = .seconds(3)
        try await service.live { client in
            let socket = try RawSocket(port: try #require(client.port))
            for _ in 0..<3 {
                try socket.send(Self.request())
                #expect(await socket.read { $0.hasSuffix("}}") }.hasPrefix("HTTP/1.1 429"))
                try await Task.sleep(for: .milliseconds(600))
            }
            #expect(await socket.readAll() == "" && socket.isClosed)
        }
    }

    @Test func theDateIsWritten() {
        #expect(HTTPDate.text(seconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(seconds: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    }
}
