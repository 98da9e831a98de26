import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import IntentServer

/// Liveness and readiness over the life of the service.
struct HealthRouteTests {
    @Test(arguments: [
        (Readiness.Phase.starting, [200, 503, 503, 200, 503]), (.ready, [200, 200, 200, 200, 200]),
        (.draining, [200, 503, 503, 200, 503]),
    ])
    func phases(phase: Readiness.Phase, statuses: [Int]) async throws {
        let service = TestService(phase == .starting ? nil : StubClassifier())
        if phase == .draining { service.readiness.beginDraining() }
        try await service.routed { client in
            var found: [Int] = []
            for path in ["/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"] {
                found.append(try await client.get(path).status.code)
            }
            #expect(found == statuses)
        }
    }

    @Test func becomingReadyAfterTheSignalStaysDraining() {
        let readiness = Readiness()
        readiness.beginDraining()
        readiness.becomeReady(StubClassifier())
        #expect(readiness.isDraining)
    }

    @Test func headAnswersWithoutBody() async throws {
        try await TestService().live { client in
            let response = try await client.execute(uri: "/livez", method: .head) { $0 }
            #expect(response.status == .ok)
            #expect(response.body.readableBytes == 0)
        }
    }

    @Test func labels() async throws {
        try await TestService().routed { client in
            let response = try await client.get("/labels")
            #expect(
                response.text == #"{"labels":["card_arrival","card_lost","top_up"],"#
                    + #""model":{"name":"stub","version":"1"}}"#)
        }
        try await TestService(nil).routed { client in
            let response = try await client.get("/labels")
            #expect(response.status == .serviceUnavailable)
        }
    }

    @Test func pageIsSelfContained() async throws {
        try await TestService().routed { client in
            let response = try await client.get("/")
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "text/html; charset=utf-8")
            let policy = try #require(response.headers[.contentSecurityPolicy])
            #expect(policy.contains("default-src 'none'"))
            #expect(policy.contains("script-src 'sha256-"))
            #expect(!policy.contains("unsafe"))
            for outside in ["http://", "https://", "src=", "@import", " url(", ":url("] {
                #expect(!response.text.contains(outside), "\(outside)")
            }
        }
    }
}
