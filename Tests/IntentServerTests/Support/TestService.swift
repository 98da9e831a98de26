import Checkpoint
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Synchronization

@testable import IntentServer

/// A server around a stub model, for tests over the router or over sockets.
struct TestService {
    let readiness = Readiness()
    let metrics = ServiceMetrics()
    var limits = ServerLimits()
    var authenticator: Authenticator?
    var tls: TLSContextSource?
    let log = LogCapture()

    init(_ classifier: StubClassifier? = StubClassifier()) {
        if let classifier {
            readiness.becomeReady(classifier)
            metrics.modelChanged(StubClassifier.summary())
        }
    }

    var application: some ApplicationProtocol {
        let routes = ServiceRoutes(readiness: readiness, metrics: metrics, limits: limits)
        var logger = Logger(label: "test") { [log] in JSONLogHandler(label: $0, level: .debug, sink: log.write) }
        logger.logLevel = .debug
        return Application(
            router: routes.router(authenticator: authenticator, logger: logger),
            server: .guarded(
                limits: limits, metrics: metrics, tls: tls,
                gate: routes.gate(authenticator: authenticator, logger: logger, serverName: nil)),
            logger: logger)
    }

    /// Runs requests without sockets.
    func routed<Value>(_ body: @Sendable (any TestClientProtocol) async throws -> Value) async throws -> Value {
        try await application.test(.router, body)
    }

    /// Runs requests over loopback.
    func live<Value>(_ body: @Sendable (any TestClientProtocol) async throws -> Value) async throws -> Value {
        try await application.test(.live, body)
    }
}

extension TestClientProtocol {
    /// Posts JSON.
    func post(
        _ path: String, _ body: String, headers: HTTPFields = [.contentType: "application/json"]
    ) async throws -> TestResponse {
        try await execute(uri: path, method: .post, headers: headers, body: ByteBuffer(string: body)) { $0 }
    }

    func get(_ path: String, headers: HTTPFields = [:]) async throws -> TestResponse {
        try await execute(uri: path, method: .get, headers: headers) { $0 }
    }
}

extension TestResponse {
    var text: String { String(buffer: body) }

    /// The body as JSON.
    func json() throws -> JSONValue { try JSONValue(parsing: Array(body.readableBytesView)) }

    /// `error.code` of the service's error format.
    func errorCode() throws -> String? { try json().object?["error"]?.object?["code"]?.string }

    /// `error.message` of the service's error format.
    func errorMessage() throws -> String? { try json().object?["error"]?.object?["message"]?.string }
}

/// Keeps what is logged.
final class LogCapture: Sendable {
    private let lines = Mutex<[UInt8]>([])

    var text: String { lines.withLock { String(decoding: $0, as: UTF8.self) } }

    @Sendable func write(_ line: [UInt8]) { lines.withLock { $0 += line } }
}

/// Files that a committed script made.
enum Fixture {
    static func path(_ name: String, file: String = #filePath) -> String {
        URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/server/\(name)").path(percentEncoded: false)
    }
}
