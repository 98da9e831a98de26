import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Synchronization
import Testing

@testable import IntentServer

/// Clients that misbehave, byte by byte over real sockets.
struct ConnectionTests {
    private static let body = #"{"text":"my card"}"#

    private static func request(_ body: String = body, _ headers: String = "") -> String {
        "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\(headers)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private func live(
        _ stub: StubClassifier = StubClassifier(), _ change: (inout ServerLimits) -> Void = { _ in },
        _ body: @Sendable @escaping (Int, TestService) async throws -> Void
    ) async throws {
        var service = TestService(stub)
        change(&service.limits)
        try await service.live { [service] client in try await body(try #require(client.port), service) }
    }

    @Test func slowHeadIsAnswered408() async throws {
        try await live(StubClassifier(), { $0.headTimeout = .milliseconds(300) }) { port, service in
            let socket = try RawSocket(port: port)
            try socket.send("GET /livez HTTP/1.1\r\nHost:")
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 408"))
            #expect(answer.contains("request_timeout"))
            #expect(answer.lowercased().contains("connection: close"))
            #expect(service.metrics.registry.exposition().contains(#"cut_total{reason="slow_head"} 1"#))
        }
    }

    @Test func silentConnectionIsClosedWithoutAnswer() async throws {
        try await live(StubClassifier(), { $0.headTimeout = .milliseconds(300) }) { port, _ in
            let socket = try RawSocket(port: port)
            #expect(await socket.readAll() == "" && socket.isClosed)
        }
    }

    @Test func idleConnectionIsClosedAfterItsAnswer() async throws {
        try await live(StubClassifier(), { $0.idleTimeout = .milliseconds(200) }) { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send(Self.request())
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 200") && socket.isClosed)
        }
    }

    @Test func slowBodyIsAnswered408() async throws {
        try await live(StubClassifier(), { $0.bodyTimeout = .milliseconds(300) }) { port, service in
            let socket = try RawSocket(port: port)
            try socket.send("POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"te")
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 408"))
            #expect(answer.contains("request_timeout"))
            #expect(service.metrics.registry.exposition().contains(#"cut_total{reason="slow_body"} 1"#))
        }
    }

    @Test(arguments: [
        "garbage\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n",
        "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /classify HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
    ])
    func garbageIsAnswered400AndClosed(bytes: String) async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send(bytes)
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
            #expect(answer.contains("malformed_request"))
            #expect(socket.isClosed)
            // Nothing behind it is read as another request.
            #expect(answer.split(separator: "HTTP/1.1 4").count == 1, "\(answer)")
        }
    }

    @Test func largeHeadIsAnswered431() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try? socket.send("GET /livez HTTP/1.1\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n")
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 431"), "\(answer)")
            #expect(answer.contains("headers_too_large"))
        }
    }

    @Test func largeBodyIsAnswered413WithoutReadingIt() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send("POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n{")
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 413"))
            let chunked = try RawSocket(port: port)
            try chunked.send("POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "10000\r\n" + String(repeating: "a", count: 65_536) + "\r\n"
            for _ in 0..<20 { try? chunked.send(chunk) }
            #expect(await chunked.readAll().hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func bodyOfAnAnsweredRequestIsNotReadWithoutEnd() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
            let chunk = String(repeating: "a", count: 65_536)
            for _ in 0..<200 { do { try socket.send(chunk) } catch { break } }
            // Cut long before 100 MB; the answer may or may not have come through.
            _ = await socket.readAll()
            #expect(throws: (any Error).self) { for _ in 0..<1000 { try socket.send(chunk) } }
        }
    }

    @Test func truncatedBodyIsAnswered400() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send("POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"te")
            socket.finish()
            let answer = await socket.readAll()
            #expect(answer.contains("HTTP/1.1 400") && answer.contains("malformed_request"), "\(answer)")
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send((0..<20).map { Self.request(Self.body, "X-Request-Id: r\($0)\r\n") }.joined())
            let answer = await socket.read { $0.split(separator: "HTTP/1.1 200").count >= 20 && $0.hasSuffix("}}") }
            let ids = answer.split(separator: "\r\n").compactMap { line -> String? in
                guard let value = line.lowercased().wholeMatch(of: /x-request-id: (.*)/) else { return nil }
                return String(value.1)
            }
            #expect(ids == (0..<20).map { "r\($0)" })
        }
    }

    @Test func requestInSingleBytesIsAnswered() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            for byte in Self.request().utf8 { try socket.send([byte]) }
            #expect(await socket.read { $0.hasSuffix("}}") }.contains("card_arrival"))
        }
    }

    @Test func halfClosedClientGetsItsAnswer() async throws {
        let stub = StubClassifier { _ in try? await Task.sleep(for: .milliseconds(200)) }
        try await live(stub) { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send(Self.request())
            socket.finish()
            let answer = await socket.readAll()
            #expect(answer.contains("HTTP/1.1 200"))
            #expect(answer.contains("card_arrival"))
        }
    }

    @Test func clientThatLeavesCancelsItsRequest() async throws {
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        let (ended, end) = AsyncStream.makeStream(of: Bool.self)
        let stub = StubClassifier { (_) throws(ClassificationFailure) in
            enter.yield()
            do { try await Task.sleep(for: .seconds(60)) } catch {
                end.yield(true)
                throw .abandoned
            }
            end.yield(false)
        }
        try await live(stub) { port, service in
            var socket: RawSocket? = try RawSocket(port: port)
            try socket?.send(Self.request())
            for await _ in entered { break }
            socket = nil
            for await wasCancelled in ended {
                #expect(wasCancelled)
                break
            }
        }
    }

    @Test func expectationIsAnswered() async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send(
                "POST /classify HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    + "Content-Length: \(Self.body.utf8.count)\r\n\r\n")
            #expect(await socket.read { $0.hasSuffix("\r\n\r\n") }.hasPrefix("HTTP/1.1 100"))
            try socket.send(Self.body)
            #expect(await socket.read { $0.hasSuffix("}}") }.hasPrefix("HTTP/1.1 200"))
            let large = try RawSocket(port: port)
            try large.send("POST /classify HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
            #expect(await large.readAll().hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test(arguments: ["GET /livez HTTP/1.0\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"])
    func connectionIsNotKeptAlive(request: String) async throws {
        try await live { port, _ in
            let socket = try RawSocket(port: port)
            try socket.send(request)
            #expect(await socket.readAll().contains(" 200 OK") && socket.isClosed)
        }
    }

    @Test func manyAtOnceAreEachAnsweredRight() async throws {
        try await live { port, _ in
            await withTaskGroup(of: String?.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let text = number.isMultiple(of: 2) ? "card" : "lost"
                        let intent = number.isMultiple(of: 2) ? "card_arrival" : "card_lost"
                        guard let socket = try? RawSocket(port: port) else { return "no connection" }
                        for _ in 0..<5 {
                            try? socket.send(Self.request("{\"text\":\"\(text)\"}"))
                            let answer = await socket.read { $0.hasSuffix("}}") }
                            guard answer.contains("\"intent\":\"\(intent)\"") else { return "\(text): \(answer)" }
                        }
                        return nil
                    }
                }
                for await wrong in group { #expect(wrong == nil) }
            }
        }
    }
}
