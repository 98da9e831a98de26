import Batching
import Foundation
import NIOCore
import Testing

@testable import IntentServer

/// The request decoders over many bodies made from right ones by small changes: each is taken or refused with a
/// client's error, whatever its bytes. INTENTD_FUZZ_INPUTS sets how many bodies (20,000), INTENTD_FUZZ_SEED where the
/// generator starts. The same over sockets, against a whole server: Tests/faults/fuzz.py.
@Suite struct RequestFuzzTests {
    private static func environment(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    private static let inputs = environment("INTENTD_FUZZ_INPUTS") ?? 20_000
    private static let seed = UInt64(environment("INTENTD_FUZZ_SEED") ?? 1)
    private static let rows = 8

    private static let bodies = [
        #"{"text":"my card is lost","top_k":3,"threshold":0.5,"timeout_ms":100}"#,
        #"{"texts":["my card","Zażółć \ud83d\udcb3 \"quoted\" \\ \u0000","a"],"top_k":1}"#,
        #"{"inputs":"my card","truncate":true,"raw_scores":false}"#, #"{"inputs":[["my card"],["lost"]]}"#,
        #"{"id":"7","inputs":[{"name":"text","shape":[2,1],"datatype":"BYTES","data":["a",["b"]]}],"#
            + #""outputs":[{"name":"label","parameters":{"binary_data":false}}],"parameters":{}}"#,
        #"{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":9}}]}"#
            + "\u{5}\u{0}\u{0}\u{0}hello",
    ].map { Array($0.utf8) }

    /// Pieces that are put into bodies.
    private static let pieces: [[UInt8]] = [
        "null", "true", "-1", "1e999", "1e-400", "18446744073709551616", "0.5", "\"\"", "\"\\ud800\"", "\"\\u0000\"",
        "[]", "{}", "[[", "}}", ",", ":", "\\", "\u{feff}", String(repeating: "[", count: 2000),
        String(repeating: "9", count: 500),
    ].map { Array($0.utf8) } + [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0]]

    private static func changed(_ body: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0...body.count, using: &random)
            let end = min(body.count, at + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: body.removeSubrange(at..<end)
            case 1: body.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: at)
            case 2: body.replaceSubrange(at..<end, with: pieces.randomElement(using: &random) ?? [])
            case 3: body.insert(contentsOf: body[at..<end], at: at)
            default: if at < body.count { body[at] = UInt8.random(in: 0...255, using: &random) }
            }
        }
        return body
    }

    /// True if the body was taken.
    private static func isTaken(_ bytes: [UInt8], _ decode: (ByteBuffer) throws(APIError) -> [String]) -> Bool {
        do throws(APIError) {
            let texts = try decode(ByteBuffer(bytes: bytes))
            #expect(!texts.isEmpty && texts.count <= rows && texts.allSatisfy { !$0.isBlank })
            return true
        } catch {
            #expect([.malformedRequest, .tooLarge, .invalidValue].contains(error.code), "\(error.code)")
            #expect(!error.message.isEmpty && error.message.utf8.count < 1000)
            return false
        }
    }

    @Test func everyBodyIsTakenOrRefused() {
        var random = SeededGenerator(seed: Self.seed)
        var taken = 0
        for index in 0..<Self.inputs {
            let bytes = Self.changed(Self.bodies[index % Self.bodies.count], &random)
            if Self.isTaken(bytes, { body throws(APIError) in
                try ClassifyRequest(body: body, maximumRows: Self.rows).messages.texts
            }) { taken += 1 }
            if Self.isTaken(bytes, { body throws(APIError) in
                try PredictRequest(body: body, maximumRows: Self.rows).texts
            }) { taken += 1 }
            let header = Bool.random(using: &random) ? Int.random(in: -1...bytes.count + 1, using: &random) : nil
            if Self.isTaken(bytes, { body throws(APIError) in
                try InferRequest(body: body, headerLength: header, maximumRows: Self.rows).texts
            }) { taken += 1 }
        }
        // Small changes leave some bodies valid: the decoders were reached, not only the parser.
        #expect(taken > Self.inputs / 50)
    }

    @Test func unpackingEndsWithinItsLimit() throws {
        var random = SeededGenerator(seed: Self.seed)
        let plain = Array(repeating: Self.bodies[0], count: 50).flatMap { $0 }
        let packed = try #require(GzipEncoder.deflate(ByteBuffer(bytes: plain)))
        for _ in 0..<Self.inputs {
            let bytes = Self.changed(Array(packed.readableBytesView), &random)
            bytes.withUnsafeBytes { bytes in
                if let out = try? GzipDecoder.inflate(bytes, limit: 4096, ratio: 200) { #expect(out.count <= 4096) }
            }
        }
    }
}
