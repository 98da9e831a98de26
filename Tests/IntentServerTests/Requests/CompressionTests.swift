import CZlib
import Checkpoint
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import IntentServer

/// gzip both ways, and bombs.
struct CompressionTests {
    private static func gzip(_ text: String) throws -> ByteBuffer {
        try #require(GzipEncoder.deflate(ByteBuffer(string: text)))
    }

    private static let headers: HTTPFields = [.contentType: "application/json", .contentEncoding: "gzip"]

    private func post(_ body: ByteBuffer, _ service: TestService = TestService()) async throws -> TestResponse {
        try await service.routed { client in
            try await client.execute(uri: "/classify", method: .post, headers: Self.headers, body: body) { $0 }
        }
    }

    @Test func packedRequest() async throws {
        let response = try await post(try Self.gzip(#"{"text":"my card"}"#))
        #expect(response.status == .ok)
        #expect(try response.json().object?["intent"]?.string == "card_arrival")
    }

    @Test func severalMembersAreOneBody() async throws {
        var body = try Self.gzip(#"{"text":"#)
        body.writeImmutableBuffer(try Self.gzip(#""my card"}"#))
        #expect(try await post(body).status == .ok)
    }

    @Test func bombIsRefusedBySize() async throws {
        // 50 MB of spaces in 50 KB.
        let bomb = try Self.gzip(String(repeating: " ", count: 50_000_000))
        #expect(bomb.readableBytes < 60_000)
        var service = TestService()
        service.limits.inflationRatio = 2000
        let response = try await post(bomb, service)
        #expect(response.status == .contentTooLarge)
        #expect(try response.errorMessage()?.contains("unpacked") == true)
    }

    @Test func bombIsRefusedByRatio() async throws {
        let text = #"{"text":"\#(String(repeating: "a", count: 500_000))"}"#
        let response = try await post(try Self.gzip(text))
        #expect(response.status == .contentTooLarge)
        #expect(try response.errorMessage()?.contains("200 times") == true)
    }

    @Test func smallBodiesMayGrowMore() async throws {
        let response = try await post(try Self.gzip(#"{"text":"\#(String(repeating: "a", count: 60_000))"}"#))
        #expect(response.status == .ok)
    }

    @Test func brokenPackagesAreMalformed() async throws {
        let whole = try Self.gzip(#"{"text":"my card is lost"}"#)
        var flipped = whole
        flipped.setInteger(whole.getInteger(at: 14, as: UInt8.self)! ^ 0xff, at: 14)
        var trailing = whole
        trailing.writeString("rubbish")
        for body in [
            ByteBuffer(), ByteBuffer(string: "not gzip"), whole.getSlice(at: 0, length: whole.readableBytes - 4)!,
            flipped, trailing,
        ] {
            let response = try await post(body)
            #expect(response.status == .badRequest)
        }
    }

    @Test func answersArePackedIfAccepted() async throws {
        try await TestService().routed { client in
            let plain = try await client.get("/openapi.json")
            #expect(plain.headers[.contentEncoding] == nil)
            #expect(plain.headers[.vary] == "Accept-Encoding")
            let packed = try await client.get("/openapi.json", headers: [.acceptEncoding: "br, gzip;q=0.5"])
            #expect(packed.headers[.contentEncoding] == "gzip")
            #expect(packed.headers[.contentLength] == String(packed.body.readableBytes))
            let unpacked = try packed.body.withUnsafeReadableBytes {
                try GzipDecoder.inflate($0, limit: 1 << 20, ratio: 1000)
            }
            #expect(unpacked == Array(plain.body.readableBytesView))
            let short = try await client.get("/livez", headers: [.acceptEncoding: "gzip"])
            #expect(short.headers[.contentEncoding] == nil)
        }
    }

    @Test(arguments: [
        (nil, false), ("", false), ("gzip", true), ("GZIP", true), ("gzip;q=0", false), ("deflate, gzip;q=0.1", true),
        ("identity", false), ("x-gzip", true), ("gzipped", false),
    ] as [(String?, Bool)])
    func acceptEncoding(header: String?, isAccepted: Bool) {
        #expect(GzipEncoder.isAccepted(header) == isAccepted)
    }
}
