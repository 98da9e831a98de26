import Checkpoint
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import IntentServer

/// The Open Inference Protocol's routes.
struct InferenceProtocolTests {
    private let body = #"{"id":"7","inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["card","hello"]}]}"#

    @Test func metadata() async throws {
        try await TestService().routed { client in
            #expect(
                try await client.get("/v2").text
                    == #"{"name":"intentd","version":"\#(IntentdVersion.current)","extensions":[]}"#)
            for path in ["/v2/models/stub", "/v2/models/stub/versions/1"] {
                #expect(
                    try await client.get(path).text == #"{"name":"stub","versions":["1"],"platform":"intentd_stub_f32","#
                        + #""inputs":[{"name":"text","datatype":"BYTES","shape":[-1]}],"#
                        + #""outputs":[{"name":"label","datatype":"BYTES","shape":[-1]},"#
                        + #"{"name":"probability","datatype":"FP32","shape":[-1]}]}"#)
            }
            #expect(try await client.get("/v2/models/stub/ready").text == #"{"name":"stub","ready":true}"#)
            #expect(try await client.get("/v2/models/stub/versions/1/ready").status == .ok)
            for path in ["/v2/models/other", "/v2/models/other/ready", "/v2/models/stub/versions/9"] {
                let response = try await client.get(path)
                #expect(response.status == .notFound)
                #expect(try response.json().object?["error"]?.string != nil)
            }
        }
    }

    @Test func infer() async throws {
        try await TestService().routed { client in
            let response = try await client.post("/v2/models/stub/infer", body)
            #expect(response.status == .ok)
            #expect(
                response.text == #"{"model_name":"stub","model_version":"1","id":"7","outputs":["#
                    + #"{"name":"label","datatype":"BYTES","shape":[2],"data":["card_arrival",""]},"#
                    + #"{"name":"probability","datatype":"FP32","shape":[2],"data":[0.8,0.4]}]}"#)
            let versioned = try await client.post("/v2/models/stub/versions/1/infer", body)
            #expect(versioned.text == response.text)
        }
    }

    @Test func askedOutputsOnly() async throws {
        let body = #"{"inputs":[{"name":"text","shape":[1,1],"datatype":"BYTES","data":[["card"]],"parameters":{}}],"#
            + #""outputs":[{"name":"probability","parameters":{"binary_data":false}}],"parameters":{"a":1}}"#
        try await TestService().routed { client in
            let outputs = try await client.post("/v2/models/stub/infer", body).json().object?["outputs"]?.array
            #expect(outputs?.map { $0.object?["name"]?.string } == ["probability"])
        }
    }

    @Test func binaryTensor() async throws {
        let texts = ["my card", "it is lost"]
        var tensor = ByteBuffer()
        for text in texts {
            tensor.writeInteger(UInt32(text.utf8.count), endianness: .little)
            tensor.writeString(text)
        }
        let header = #"{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","#
            + #""parameters":{"binary_data_size":\#(tensor.readableBytes)}}]}"#
        var body = ByteBuffer(string: header)
        body.writeImmutableBuffer(tensor)
        var headers: HTTPFields = [.contentType: "application/octet-stream"]
        headers[.inferenceHeaderLength] = String(header.utf8.count)
        try await TestService().routed { [body, headers] client in
            let response = try await client.execute(
                uri: "/v2/models/stub/infer", method: .post, headers: headers, body: body) { $0 }
            #expect(response.status == .ok)
            let label = try response.json().object?["outputs"]?.array?.first?.object
            #expect(label?["data"]?.array?.map(\.string) == ["card_arrival", "card_lost"])
            for length in ["0", "-1", "x", "99999"] {
                var wrong = headers
                wrong[.inferenceHeaderLength] = length
                let refused = try await client.execute(
                    uri: "/v2/models/stub/infer", method: .post, headers: wrong, body: body) { $0 }
                #expect(refused.status == .badRequest)
            }
        }
    }

    @Test(arguments: [
        ("{}", "inputs is missing"), (#"{"inputs":[]}"#, "one object"), (#"{"inputs":[1]}"#, "one object"),
        (#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["a"]}]}"#, "name"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"FP32","data":["a"]}]}"#, "datatype"),
        (#"{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a"]}]}"#, "shape"),
        (#"{"inputs":[{"name":"text","shape":[0],"datatype":"BYTES","data":[]}]}"#, "shape"),
        (#"{"inputs":[{"name":"text","shape":[1,2],"datatype":"BYTES","data":["a","b"]}]}"#, "shape"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES"}]}"#, "data is missing"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[" "]}]}"#, "data[0] is empty"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":[1]}]}"#, "data[0] must"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"],"parameters":{"binary_data_size":4}}]}"#,
         "exclude"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":4}}]}"#, "binary"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}],"outputs":[{"name":"x"}]}"#,
         "outputs[0].name"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}],"outputs":["#
            + #"{"name":"label"},{"name":"label"}]}"#, "twice"),
        (#"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]}],"more":1}"#, "unknown field more"),
    ])
    func invalid(body: String, names: String) async throws {
        try await TestService().routed { client in
            let response = try await client.post("/v2/models/stub/infer", body)
            #expect(response.status == .unprocessableContent)
            let message = try #require(try response.json().object?["error"]?.string)
            #expect(message.contains(names), "\(message)")
        }
    }

    @Test func unknownModel() async throws {
        try await TestService().routed { client in
            let response = try await client.post("/v2/models/other/infer", body)
            #expect(response.status == .notFound)
            #expect(try response.json().object?.members.map(\.name) == ["error"])
        }
    }
}
