import Foundation
import Testing

@testable import Engine

/// The shipped model: `models/base`, which `make test` builds first, and the adapters in the repository.
///
/// The expected logits are transformers + peft's in float32 on the same files, made by
/// `Tests/oracle/adapter_logits.py`.
@Suite(.serialized) struct RealModelTests {
    /// The fixture: texts and ids, and each adapter's logits for them.
    private struct Fixture: Decodable {
        struct Case: Decodable {
            var logits: [Float]
            var intent: String
            var confidence: Float
        }
        struct Adapter: Decodable {
            var cases: [Case]
        }
        var texts: [String]
        var ids: [[Int32]]
        var adapters: [String: Adapter]
    }

    /// One message and what transformers + peft answer.
    struct Expected {
        var text: String
        var ids: [Int32]
        var logits: [Float]
        var intent: String
        var confidence: Float
    }

    static let adapters = ["adapter", "adapter-fast"]

    private func expected(_ adapter: String) throws -> [Expected] {
        let path = RepositoryPaths.root + "/Tests/Fixtures/adapter/expected.json"
        let fixture = try JSONDecoder().decode(Fixture.self, from: try Data(contentsOf: URL(filePath: path)))
        let cases = try #require(fixture.adapters[adapter]).cases
        try #require(cases.count == fixture.texts.count && fixture.ids.count == fixture.texts.count)
        return cases.indices.map { index in
            Expected(
                text: fixture.texts[index], ids: fixture.ids[index], logits: cases[index].logits,
                intent: cases[index].intent, confidence: cases[index].confidence)
        }
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
            let prediction = try prediction.get()
            #expect(relativeError(prediction.logits, message.logits) < 2e-4)
            #expect(engine.description.labels[prediction.best] == message.intent)
            #expect(abs(prediction.confidence - message.confidence) < 1e-3)
        }
    }

    @Test(arguments: adapters, [Precision.bf16, .int8, .nf4])
    func narrowPrecisionsGiveTheSameIntents(_ adapter: String, _ precision: Precision) throws {
        let engine = try engine(adapter, precision)
        defer { engine.stop() }
        let messages = try expected(adapter)
        let predictions = try engine.classify(messages.map { TokenizedMessage(ids: $0.ids) }).map { try $0.get() }
        for (message, prediction) in zip(messages, predictions) {
            // Largest on messages that are no request, whose logits are small: on AVX2 int8 0.27, nf4 0.29.
            #expect(relativeError(prediction.logits, message.logits) < 0.35)
            // A near tie may fall either way.
            if message.confidence > 0.6 { #expect(engine.description.labels[prediction.best] == message.intent) }
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

    /// What is said of other precisions is what they take when loaded.
    @Test(arguments: [Precision.f32, .bf16, .int8, .nf4])
    func memoryByPrecisionIsWhatThePrecisionHolds(_ precision: Precision) throws {
        let engine = try engine("adapter", precision)
        defer { engine.stop() }
        let said = try #require(engine.description.precisionMemory.first { $0.precision == precision })
        let held = engine.description.memory.filter { !$0.name.hasPrefix("embeddings") }
        #expect(said.weightBytes == held.reduce(0) { $0 + $1.bytes })
        #expect(engine.description.precisionMemory.map(\.precision) == [.f32, .bf16, .int8, .nf4])
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
