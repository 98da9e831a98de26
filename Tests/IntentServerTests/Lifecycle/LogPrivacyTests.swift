import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import IntentServer

/// No log line of a run, at any level, holds anything of the messages sent, however the request went.
struct LogPrivacyTests {
    @Test func logsHoldNoText() async throws {
        let secret = "zxqj"
        let service = TestService(
            StubClassifier { (call) throws(ClassificationFailure) in
                if call.texts.contains(where: { $0.contains("fail") }) { throw .failed("kernel") }
                if call.texts.contains(where: { $0.contains("late") }) { throw .deadlineExceeded }
            })
        try await service.live { client in
            let port = try #require(client.port)
            for body in [
                #"{"text":"my card zxqj"}"#, #"{"text":"fail zxqj"}"#, #"{"text":"late zxqj"}"#,
                #"{"texts":["zxqj",""]}"#, #"{"zxqj":1}"#, #"{"text":"zxqj"#, #"{"text":"zxqj","top_k":"zxqj"}"#,
            ] { _ = try await client.post("/classify", body) }
            _ = try await client.post("/predict", #"{"inputs":"zxqj"}"#)
            _ = try await client.post(
                "/v2/models/zxqj/infer",
                #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["zxqj"]}]}"#)
            _ = try await client.get("/zxqj?text=zxqj")
            var headers: HTTPFields = [.contentType: "application/json"]
            headers[.requestID] = "zxqj is not plain"
            _ = try await client.post("/classify", #"{"text":"card"}"#, headers: headers)
            for bytes in ["zxqj zxqj\r\n\r\n", "POST /classify HTTP/1.1\r\nContent-Length: 50\r\n\r\n{\"text\":\"zxqj"] {
                let socket = try RawSocket(port: port)
                try socket.send(bytes)
                socket.finish()
                _ = await socket.readAll()
            }
        }
        let log = service.log.text
        #expect(log.split(separator: "\n").count >= 11)
        #expect(log.contains("\"status\":200") && log.contains("\"status\":422") && log.contains("\"status\":500"))
        #expect(!log.lowercased().contains(secret))
        #expect(!service.metrics.registry.exposition().contains(secret))
    }

    @Test func accessLogSaysWhatIsNeeded() async throws {
        let service = TestService()
        try await service.routed { client in
            var headers: HTTPFields = [.contentType: "application/json"]
            headers[.requestID] = "id-1"
            _ = try await client.post("/classify", #"{"texts":["my card","hello"]}"#, headers: headers)
        }
        let line = try #require(service.log.text.split(separator: "\n").first { $0.contains("id-1") })
        for part in [
            #""level":"info""#, #""message":"request""#, #""messages":2"#, #""tokens":3"#, #""method":"POST""#,
            #""request_id":"id-1""#, #""route":"/classify""#, #""status":200"#, #""duration_ms":"#, #""time":"20"#,
        ] { #expect(line.contains(part), "\(part)") }
    }
}
