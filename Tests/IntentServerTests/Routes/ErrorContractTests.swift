import Checkpoint
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import IntentServer

/// One test for each way that a request can be wrong.
struct ErrorContractTests {
    @Test(arguments: [
        "", "{", "[", #"{"text":"a"} x"#, #"{"text":"\u12"}"#, #"{"text":"\ud800"}"#, "{\"text\":\"a\u{1}\"}",
        #"{"text":"a","text":"b"}"#, #"{"text":01}"#, "nul",
    ])
    func malformedJSON(body: String) async throws {
        try await expect(.badRequest, "malformed_request", body: ByteBuffer(string: body))
    }

    @Test func malformedUTF8() async throws {
        try await expect(
            .badRequest, "malformed_request", body: ByteBuffer(bytes: Array(#"{"text":""#.utf8) + [0xff] + Array(#""}"#.utf8)))
    }

    @Test func nestedTooDeep() async throws {
        let body = String(repeating: "[", count: 100_000)
        try await expect(.badRequest, "malformed_request", body: ByteBuffer(string: body))
    }

    @Test(arguments: [
        ("[]", "object"), ("{}", "text or texts"), (#"{"text":"a","texts":["b"]}"#, "exclude"),
        (#"{"text":""}"#, "text is empty"), (#"{"text":" \n\t"}"#, "text is empty"), (#"{"text":1}"#, "text must"),
        (#"{"text":null}"#, "text must"), (#"{"texts":"a"}"#, "texts must"), (#"{"texts":[]}"#, "texts is empty"),
        (#"{"texts":["a",""]}"#, "texts[1] is empty"), (#"{"texts":["a",2]}"#, "texts[1] must"),
        (#"{"text":"a","top_k":0}"#, "top_k"), (#"{"text":"a","top_k":1.5}"#, "top_k"),
        (#"{"text":"a","top_k":"3"}"#, "top_k"), (#"{"text":"a","threshold":1.1}"#, "threshold"),
        (#"{"text":"a","threshold":-0.1}"#, "threshold"), (#"{"text":"a","threshold":NaN}"#, "threshold"),
        (#"{"text":"a","threshold":"x"}"#, "threshold"), (#"{"text":"a","timeout_ms":0}"#, "timeout_ms"),
        (#"{"text":"a","timeout_ms":600001}"#, "timeout_ms"), (#"{"text":"a","timeout_ms":true}"#, "timeout_ms"),
        (#"{"text":"a","tex":"b"}"#, "unknown field tex;"),
    ])
    func invalidValue(body: String, names: String) async throws {
        let message = try await expect(.unprocessableContent, "invalid_value", body: ByteBuffer(string: body))
        #expect(message.contains(names), "\(message)")
    }

    @Test func longUnknownFieldIsCut() async throws {
        let body = "{\"\(String(repeating: "x", count: 5000))\":1}"
        let message = try await expect(.unprocessableContent, "invalid_value", body: ByteBuffer(string: body))
        #expect(message.utf8.count < 300)
    }

    @Test(arguments: ["0", "-1", "x", "600001", ""])
    func invalidTimeoutHeader(value: String) async throws {
        var headers: HTTPFields = [.contentType: "application/json"]
        headers[.requestTimeout] = value
        let message = try await expect(
            .unprocessableContent, "invalid_value", body: ByteBuffer(string: #"{"text":"a"}"#), headers: headers)
        #expect(message.contains("X-Request-Timeout-Ms"))
    }

    @Test func tooManyRows() async throws {
        var service = TestService()
        service.limits.rows = 2
        try await service.routed { client in
            let response = try await client.post("/classify", #"{"texts":["a","b","c"]}"#)
            #expect(response.status == .contentTooLarge)
            #expect(try response.errorCode() == "too_large")
        }
    }

    @Test func tooLargeByLengthAndByCounting() async throws {
        var service = TestService()
        service.limits.bodyBytes = 2048
        let body = "{\"text\":\"\(String(repeating: "a", count: 4096))\"}"
        try await service.routed { client in
            let response = try await client.post("/classify", body)
            #expect(response.status == .contentTooLarge)
            #expect(try response.errorCode() == "too_large")
            #expect(response.headers[.connection] == "close")
        }
    }

    @Test(arguments: ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"])
    func mediaType(value: String) async throws {
        try await expect(
            .unsupportedMediaType, "unsupported_media_type", body: ByteBuffer(string: #"{"text":"a"}"#),
            headers: [.contentType: value])
    }

    @Test(arguments: ["br", "deflate", "gzip, gzip"])
    func contentEncoding(value: String) async throws {
        try await expect(
            .unsupportedMediaType, "unsupported_media_type", body: ByteBuffer(string: #"{"text":"a"}"#),
            headers: [.contentType: "application/json", .contentEncoding: value])
    }

    @Test(arguments: ["application/json", "Application/JSON;charset=UTF-8", "application/json; charset=\"utf-8\""])
    func acceptedMediaTypes(value: String) async throws {
        try await TestService().routed { client in
            let response = try await client.post("/classify", #"{"text":"card"}"#, headers: [.contentType: value])
            #expect(response.status == .ok)
        }
    }

    @Test func bodyWithoutMediaTypeIsJSON() async throws {
        try await TestService().routed { client in
            let response = try await client.post("/classify", #"{"text":"card"}"#, headers: [:])
            #expect(response.status == .ok)
        }
    }

    @Test(arguments: [
        ("/nothing", HTTPRequest.Method.get, HTTPResponse.Status.notFound, nil as String?),
        ("/classify/", .get, .methodNotAllowed, "POST"), ("/classify", .get, .methodNotAllowed, "POST"),
        ("/classify", .options, .methodNotAllowed, "POST"), ("/livez", .post, .methodNotAllowed, "GET, HEAD"),
        ("/metrics", .delete, .methodNotAllowed, "GET, HEAD"), ("/", .put, .methodNotAllowed, "GET, HEAD"),
    ])
    func unmatched(
        path: String, method: HTTPRequest.Method, status: HTTPResponse.Status, allow: String?
    ) async throws {
        try await TestService().routed { client in
            let response = try await client.execute(uri: path, method: method) { $0 }
            #expect(response.status == status)
            #expect(response.headers[.allow] == allow)
            #expect(try response.errorCode() == (allow == nil ? "not_found" : "method_not_allowed"))
        }
    }

    @Test(arguments: [
        (ClassificationFailure.overloaded(retryAfter: .milliseconds(1200)), HTTPResponse.Status.tooManyRequests,
         "overloaded", "2" as String?),
        (.overloaded(retryAfter: .zero), .tooManyRequests, "overloaded", "1"),
        (.deadlineExceeded, .gatewayTimeout, "deadline_exceeded", nil),
        (.tooManyTokens(tokens: 9, limit: 8), .contentTooLarge, "too_large", nil),
        (.starting, .serviceUnavailable, "starting", "1"), (.draining, .serviceUnavailable, "draining", "1"),
        (.failed("secret detail"), .internalServerError, "internal_error", nil),
        (.emptyMessage(index: 0), .unprocessableContent, "invalid_value", nil),
        (.abandoned, .init(code: 499), "client_closed_request", nil),
    ])
    func classificationFailure(
        failure: ClassificationFailure, status: HTTPResponse.Status, code: String, retryAfter: String?
    ) async throws {
        let service = TestService(StubClassifier { (_) throws(ClassificationFailure) in throw failure })
        try await service.routed { client in
            let response = try await client.post("/classify", #"{"text":"card"}"#)
            #expect(response.status.code == status.code)
            #expect(try response.errorCode() == code)
            #expect(response.headers[.retryAfter] == retryAfter)
            #expect(!response.text.contains("secret detail"))
        }
    }

    @Test func startingAndDraining() async throws {
        try await TestService(nil).routed { client in
            let response = try await client.post("/classify", #"{"text":"card"}"#)
            #expect(response.status == .serviceUnavailable)
            #expect(try response.errorCode() == "starting")
            #expect(response.headers[.retryAfter] == "1")
        }
        let service = TestService()
        service.readiness.beginDraining()
        try await service.routed { client in
            let response = try await client.post("/classify", #"{"text":"card"}"#)
            #expect(response.status == .ok, "what still arrives is served")
            #expect(response.headers[.connection] == "close")
        }
    }

    @discardableResult
    private func expect(
        _ status: HTTPResponse.Status, _ code: String, body: ByteBuffer,
        headers: HTTPFields = [.contentType: "application/json"]
    ) async throws -> String {
        try await TestService().routed { client in
            let response = try await client.execute(uri: "/classify", method: .post, headers: headers, body: body) { $0 }
            #expect(response.status == status)
            #expect(try response.errorCode() == code)
            let id = try #require(response.headers[.requestID])
            #expect(try response.json().object?["error"]?.object?["request_id"]?.string == id)
            return try response.errorMessage() ?? ""
        }
    }
}
