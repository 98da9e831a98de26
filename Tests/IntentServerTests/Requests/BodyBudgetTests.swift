import HTTPTypes
import HummingbirdTesting
import Testing

@testable import IntentServer

/// The bound on bodies held at once.
struct BodyBudgetTests {
    @Test func takesAndGives() {
        let budget = BodyBudget(limit: 10)
        #expect(budget.take(6))
        #expect(!budget.take(5))
        #expect(budget.take(4))
        budget.give(10)
        #expect(budget.take(10))
    }

    @Test func fullBudgetIsOverloadAndComesBack() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        var service = TestService(
            StubClassifier { _ in
                enter.yield()
                for await _ in gate { break }
            })
        service.limits.heldBodyBytes = 40
        let body = #"{"text":"card card card card"}"#
        try await service.routed { client in
            async let first = client.post("/classify", body)
            for await _ in entered { break }
            let second = try await client.post("/classify", body)
            #expect(second.status == .tooManyRequests)
            #expect(second.headers[.retryAfter] == "1")
            open.yield()
            #expect(try await first.status == .ok)
            open.yield()
            #expect(try await client.post("/classify", body).status == .ok)
        }
    }
}
