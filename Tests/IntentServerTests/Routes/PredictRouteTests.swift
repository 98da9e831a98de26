import Checkpoint
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import IntentServer

/// text-embeddings-inference's `/predict`: inputs and answers as its router has them.
struct PredictRouteTests {
    private static let card = #"[{"score":0.8,"label":"card_arrival"},{"score":0.15,"label":"card_lost"},"#
        + #"{"score":0.05,"label":"top_up"}]"#

    @Test(arguments: [
        (#"{"inputs":"card"}"#, card), (#"{"inputs":["card"]}"#, card), (#"{"inputs":[["card"]]}"#, "[\(card)]"),
        (#"{"inputs":[["card"],["card"]]}"#, "[\(card),\(card)]"),
        (#"{"inputs":"card","raw_scores":false,"truncate":true,"truncation_direction":"Right"}"#, card),
        (#"{"inputs":"card","raw_scores":true}"#,
         #"[{"score":8.0,"label":"card_arrival"},{"score":1.5,"label":"card_lost"},{"score":0.5,"label":"top_up"}]"#),
    ])
    func answers(body: String, expected: String) async throws {
        try await TestService().routed { client in
            let response = try await client.post("/predict", body)
            #expect(response.status == .ok)
            #expect(response.text == expected)
        }
    }

    @Test(arguments: [
        ("{}", 422, "inputs is missing"), (#"{"inputs":["a","b"]}"#, 422, "pair"),
        (#"{"inputs":[["a","b"]]}"#, 422, "pair"), (#"{"inputs":[]}"#, 422, "empty"),
        (#"{"inputs":[[]]}"#, 422, "empty"), (#"{"inputs":3}"#, 422, "inputs must"),
        (#"{"inputs":[["a"],"b"]}"#, 422, "inputs[1]"), (#"{"inputs":"  "}"#, 422, "empty"),
        (#"{"inputs":"a","raw_scores":1}"#, 422, "raw_scores"), (#"{"inputs":"a","x":1}"#, 422, "unknown field x"),
        (#"{"inputs":"1 2 3 4 5 6 7 8 9"}"#, 413, "truncate: true"),
    ])
    func invalid(body: String, status: Int, names: String) async throws {
        try await TestService().routed { client in
            let response = try await client.post("/predict", body)
            #expect(response.status.code == status)
            let object = try #require(try response.json().object)
            #expect(object["error_type"]?.string == "Validation")
            #expect(object["error"]?.string?.contains(names) == true, "\(response.text)")
        }
    }

    @Test func overloadHasTheNameThatClientsKnow() async throws {
        let stub = StubClassifier { (_) throws(ClassificationFailure) in throw .overloaded(retryAfter: .seconds(3)) }
        try await TestService(stub).routed { client in
            let response = try await client.post("/predict", #"{"inputs":"card"}"#)
            #expect(response.status == .tooManyRequests)
            #expect(try response.json().object?["error_type"]?.string == "Overloaded")
        }
    }
}
