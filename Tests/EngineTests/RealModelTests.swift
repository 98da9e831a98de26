import Foundation
import Testing

@testable import Engine

/// The shipped model: `models/base`, which `make test` builds first, and the adapters in the repository.
///
/// The expected logits are transformers + peft's in float32 on the same files, made by
/// `Tests/oracle/adapter_logits.py`.
@Suite(.serialized) struct RealModelTests {
    struct Expected: Decodable {
        struct Message: Decodable {
            var text: String
            var ids: [Int32]
            var logits: [Float]
        }
        var messages: [Message]
    }

    static let adapters = ["adapter", "adapter-fast"]

    private func expected(_ adapter: String) throws -> [Expected.Message] {
        let path = RepositoryPaths.root + "/Tests/Fixtures/adapter/\(adapter).json"
        return try JSONDecoder().decode(Expected.self, from: try Data(contentsOf: URL(filePath: path))).messages
    }

    private func engine(_ adapter: String, _ precision: Precision, threads: Int = 2) throws -> IntentEngine {
        try IntentEngine(
            LoadOptions(
                model: RepositoryPaths.models, adapter: .named(adapter), precision: precision, threads: threads))
    }

    @Test(arguments: adapters)
    func tokensEqualSentencePiece(_ adapter: String) throws {
        let engine = try engine(adapter, .int8)
        defer { engine.stop() }
        for message in try expected(adapter) {
            #expect(try engine.tokenizer.tokenize(message.text).ids == message.ids)
        }
    }

    /// float32 against float32: what differs is the order of sums and the rounding of the embedding scale.
    @Test(arguments: adapters, [Precision.reference, .f32])
    func logitsEqualTransformersAndPEFT(_ adapter: String, _ precision: Precision) throws {
        let engine = try engine(adapter, precision)
        defer { engine.stop() }
        let messages = try expected(adapter)
        let predictions = engine.classify(messages.map { TokenizedMessage(ids: $0.ids) })
        for (message, prediction) in zip(messages, predictions) {
            #expect(relativeError(try prediction.get().logits, message.logits) < 2e-4)
        }
    }

    @Test(arguments: adapters, [Precision.bf16, .int8, .nf4])
    func narrowPrecisionsGiveTheSameIntents(_ adapter: String, _ precision: Precision) throws {
        let engine = try engine(adapter, precision)
        defer { engine.stop() }
        let messages = try expected(adapter)
        let predictions = try engine.classify(messages.map { TokenizedMessage(ids: $0.ids) }).map { try $0.get() }
        for (message, prediction) in zip(messages, predictions) {
            #expect(relativeError(prediction.logits, message.logits) < 0.1)
        }
    }

    @Test(arguments: [Precision.f32, .bf16, .int8, .nf4])
    func theSameBitsAloneAndInAnyBatch(_ precision: Precision) throws {
        let engine = try engine("adapter", precision)
        defer { engine.stop() }
        let messages = try expected("adapter").map { TokenizedMessage(ids: $0.ids) }
        let together = engine.classify(messages)
        for (message, prediction) in zip(messages, together) {
            #expect(engine.classify([message]) == [prediction])
        }
    }

    @Test func everyKindOfBadMessageFailsAlone() throws {
        let engine = try engine("adapter", .int8)
        defer { engine.stop() }
        let good = try engine.tokenizer.tokenize("where is my card")
        let size = engine.tokenizer.maximumTokens
        let results = engine.classify([
            good, TokenizedMessage(ids: []), TokenizedMessage(ids: [2, 300_000]), TokenizedMessage(ids: [2, -1]),
            TokenizedMessage(ids: [Int32](repeating: 5, count: size + 1)), good,
        ])
        #expect(results[0] == results[5])
        #expect(throws: Never.self) { try results[0].get() }
        #expect(results[1] == .failure(.emptyMessage))
        #expect(results[2] == .failure(.unknownToken(id: 300_000, vocabularySize: 262_144)))
        #expect(results[3] == .failure(.unknownToken(id: -1, vocabularySize: 262_144)))
        #expect(results[4] == .failure(.messageTooLong(tokens: size + 1, limit: size)))
        #expect(engine.classify([]).isEmpty)
    }

    @Test func longMessagesAreCutAndEmptyOnesRefused() throws {
        let engine = try engine("adapter", .int8)
        defer { engine.stop() }
        let long = try engine.tokenizer.tokenize(String(repeating: "my card was declined ", count: 5_000))
        #expect(long.truncated)
        #expect(long.ids.count == engine.tokenizer.maximumTokens)
        #expect(throws: Never.self) { try engine.classify([long])[0].get() }
        for text in ["", " ", "\n\t "] {
            #expect(throws: EngineError.emptyMessage) { try engine.tokenizer.tokenize(text) }
        }
    }
}
