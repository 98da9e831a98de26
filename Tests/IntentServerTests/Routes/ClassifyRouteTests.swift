import Checkpoint
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import IntentServer

/// `POST /classify` as the contract has it.
struct ClassifyRouteTests {
    @Test func singleMessage() async throws {
        try await TestService().routed { client in
            let response = try await client.post("/classify", #"{"text":"where is my card"}"#)
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "application/json")
            #expect(
                response.text == #"{"intent":"card_arrival","confidence":0.8,"intents":[{"intent":"card_arrival","#
                    + #""confidence":0.8}],"tokens":4,"truncated":false,"model":{"name":"stub","version":"1"}}"#)
        }
    }

    @Test func severalMessagesInOrder() async throws {
        try await TestService().routed { client in
            let response = try await client.post("/classify", #"{"texts":["it is lost","my card"],"top_k":2}"#)
            #expect(response.status == .ok)
            let object = try #require(try response.json().object)
            #expect(object.members.map(\.name) == ["results", "model"])
            let results = try #require(object["results"]?.array).compactMap(\.object)
            #expect(results.map { $0["intent"]?.string } == ["card_lost", "card_arrival"])
            #expect(results[0]["intents"]?.array?.map { $0.object?["intent"]?.string } == ["card_lost", "card_arrival"])
        }
    }

    @Test func tellsWhereTheTimeWent() async throws {
        try await TestService().routed { client in
            let name = HTTPField.Name.serverTiming
            let one = try await client.post("/classify", #"{"text":"where is my card"}"#)
            #expect(one.headers[name] == "queue;dur=6.0, compute;dur=4.0")
            let two = try await client.post("/classify", #"{"texts":["where is my card","lost"]}"#)
            #expect(two.headers[name] == "queue;dur=6.0, compute;dur=4.0", "the longest of the messages")
            #expect(try await client.post("/classify", #"{"text":""}"#).headers[name] == nil)
        }
    }

    @Test func topKBeyondTheLabelsGivesAll() async throws {
        try await TestService().routed { client in
            let response = try await client.post("/classify", #"{"text":"card","top_k":1000}"#)
            #expect(try response.json().object?["intents"]?.array?.count == 3)
        }
    }

    @Test(arguments: [
        (#"{"text":"hello"}"#, true), (#"{"text":"hello","threshold":0.3}"#, false),
        (#"{"text":"hello","threshold":0}"#, false), (#"{"text":"card","threshold":0.81}"#, true),
        (#"{"text":"card","threshold":0.8}"#, false), (#"{"text":"card weather","threshold":0}"#, true),
    ])
    func abstains(body: String, isAbstention: Bool) async throws {
        try await TestService().routed { client in
            let object = try #require(try await client.post("/classify", body).json().object)
            #expect(object["abstained"]?.bool == (isAbstention ? true : nil))
            #expect(object["intent"]?.isNull == isAbstention)
            #expect(object["intents"]?.array?.count == 1)
        }
    }

    @Test func longMessageIsCutAndSaysSo() async throws {
        let text = String(repeating: "card ", count: 20_000)
        try await TestService().routed { client in
            let object = try #require(try await client.post("/classify", "{\"text\":\"\(text)\"}").json().object)
            #expect(object["truncated"]?.bool == true)
            #expect(object["tokens"]?.integer == StubClassifier.maximumTokens)
        }
    }

    @Test func deadlineIsTheShorterOfBodyAndHeader() async throws {
        let stub = StubClassifier()
        try await TestService(stub).routed { client in
            var headers: HTTPFields = [.contentType: "application/json"]
            headers[.requestTimeout] = "40"
            _ = try await client.post("/classify", #"{"text":"card","timeout_ms":90}"#, headers: headers)
            headers[.requestTimeout] = "400"
            _ = try await client.post("/classify", #"{"text":"card","timeout_ms":90}"#, headers: headers)
            _ = try await client.post("/classify", #"{"text":"card"}"#)
        }
        let limits = stub.calls.map { call in call.deadline.map { call.arrival.duration(to: $0) } }
        #expect(limits == [.milliseconds(40), .milliseconds(90), nil])
    }

    @Test func requestIDIsHonouredOrMade() async throws {
        try await TestService().routed { client in
            var headers: HTTPFields = [.contentType: "application/json"]
            headers[.requestID] = "abc-123"
            let named = try await client.post("/classify", #"{"text":"card"}"#, headers: headers)
            #expect(named.headers[.requestID] == "abc-123")
            headers[.requestID] = "not { plain"
            let error = try await client.post("/classify", "{", headers: headers)
            let id = try #require(error.headers[.requestID])
            #expect(id.count == 16 && id.allSatisfy(\.isHexDigit))
            #expect(try error.json().object?["error"]?.object?["request_id"]?.string == id)
        }
    }

    @Test func answersNameTheModelThatComputedThem() async throws {
        let stub = StubClassifier()
        try await TestService(stub).routed { client in
            let before = try await client.post("/classify", #"{"text":"card"}"#)
            stub.become(version: "2")
            let after = try await client.post("/classify", #"{"text":"card"}"#)
            let versions = try [before, after].map {
                try $0.json().object?["model"]?.object?["version"]?.string
            }
            #expect(versions == ["1", "2"])
        }
    }
}
