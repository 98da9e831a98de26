import HTTPTypes
import HummingbirdTesting
import Testing

@testable import IntentServer

/// What the service counts.
struct ServiceMetricsTests {
    @Test func requestsAndMessages() async throws {
        let service = TestService()
        try await service.routed { client in
            _ = try await client.post("/classify", #"{"texts":["my card","hello","weather card"]}"#)
            _ = try await client.post("/classify", #"{"text":""}"#)
            _ = try await client.get("/nothing/at/all")
            _ = try await client.execute(uri: "/classify", method: .init("BREW")!) { $0 }
            _ = try await client.get("/v2/models/stub/ready")
            let text = try await client.get("/metrics").text
            for line in [
                #"intentd_http_requests_total{route="/classify",method="POST",code="200"} 1"#,
                #"intentd_http_requests_total{route="/classify",method="POST",code="422"} 1"#,
                #"intentd_http_requests_total{route="unmatched",method="GET",code="404"} 1"#,
                #"intentd_http_requests_total{route="unmatched",method="other",code="405"} 1"#,
                #"intentd_http_requests_total{route="/v2/models/{name}/ready",method="GET",code="200"} 1"#,
                #"intentd_http_request_duration_seconds_count{route="/classify"} 2"#,
                "intentd_http_requests_in_flight 1", #"intentd_messages_total{outcome="answered"} 3"#,
                #"intentd_intents_total{intent="card_arrival"} 1"#, #"intentd_intents_total{intent="card_lost"} 0"#,
                #"intentd_abstentions_total{reason="threshold"} 1"#,
                #"intentd_abstentions_total{reason="out_of_scope"} 1"#, "intentd_message_tokens_total 5",
                #"intentd_build_info{version="\#(IntentdVersion.current)"} 1"#,
                #"intentd_model_info{name="stub",version="1",architecture="stub",precision="f32","#
                    + #"kernels="generic",generation="1"} 1"#,
            ] { #expect(text.contains(line + "\n"), "\(line)") }
        }
    }

    @Test(arguments: [
        (ClassificationFailure.overloaded(retryAfter: .zero), "refused"), (.deadlineExceeded, "expired"),
        (.abandoned, "abandoned"), (.failed("x"), "failed"), (.draining, "unavailable"),
    ])
    func outcomes(failure: ClassificationFailure, outcome: String) async throws {
        let service = TestService(StubClassifier { (_) throws(ClassificationFailure) in throw failure })
        try await service.routed { client in
            _ = try await client.post("/classify", #"{"texts":["a","b"]}"#)
            #expect(try await client.get("/metrics").text.contains("intentd_messages_total{outcome=\"\(outcome)\"} 2\n"))
        }
    }

    @Test func batches() {
        let metrics = ServiceMetrics()
        metrics.batchFinished(
            BatchSample(
                messages: 2, tokens: 30, queueTimes: [.milliseconds(1), .milliseconds(3)],
                predictedTime: .milliseconds(10), computeTime: .milliseconds(12), boundMisses: 1))
        metrics.queueChanged(tokens: 7)
        metrics.latencyBoundSet(.milliseconds(50))
        let text = metrics.registry.exposition()
        for line in [
            "intentd_batch_messages_sum 2", #"intentd_batch_tokens_bucket{le="32"} 1"#, "intentd_queue_tokens 7",
            "intentd_queue_wait_seconds_count 2", "intentd_batch_compute_seconds_sum 0.012",
            "intentd_batch_predicted_seconds_sum 0.01", #"intentd_batch_cost_ratio_bucket{le="1.1"} 0"#,
            #"intentd_batch_cost_ratio_bucket{le="1.25"} 1"#, "intentd_latency_bound_misses_total 1",
            "intentd_latency_bound_seconds 0.05",
        ] { #expect(text.contains(line + "\n"), "\(line)") }
    }

    @Test func aNewModelTakesTheOldOnesPlace() {
        let metrics = ServiceMetrics()
        metrics.modelChanged(StubClassifier.summary())
        metrics.modelChanged(StubClassifier.summary(version: "2"))
        let lines = metrics.registry.exposition().split(separator: "\n").filter { $0.hasPrefix("intentd_model_info{") }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("version=\"2\"") == true)
    }

    @Test func everyDeclaredFamilyHasHelp() {
        for family in ServiceMetrics.families {
            #expect(family.help.hasSuffix("."), "\(family.name)")
            if case .counter = family.kind { #expect(family.name.hasSuffix("_total")) }
        }
        #expect(Set(ServiceMetrics.families.map(\.name)).count == ServiceMetrics.families.count)
    }
}
