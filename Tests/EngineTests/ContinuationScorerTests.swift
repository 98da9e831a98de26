import Foundation
import TestSupport
import Testing

@testable import Engine

/// Labels scored as continuations of a prompt, against a plain loop over transformers + peft in float32.
/// Made by `Tests/oracle/engine_causal.py`.
@Suite struct ContinuationScorerTests {
    struct Expected: Decodable {
        struct Case: Decodable {
            var text: String
            var ids: [Int32]
            var scores: [Float]
        }
        var labels: [[Int32]]
        var cases: [Case]
    }

    private static let folder = EngineFixture.folder + "llama-causal"

    private func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(filePath: Self.folder + "/expected.json")))
    }

    private func engine(_ precision: Precision, _ instructionSet: String? = nil, threads: Int = 2) throws
        -> IntentEngine
    {
        try IntentEngine(
            LoadOptions(
                model: Self.folder, precision: precision, threads: threads, instructionSet: instructionSet))
    }

    @Test(arguments: [Precision.reference, .f32])
    func scoresEqualTransformers(_ precision: Precision) throws {
        let engine = try engine(precision)
        defer { engine.stop() }
        for expected in try expected().cases {
            let message = try engine.tokenizer.tokenize(expected.text)
            #expect(message.ids == expected.ids)
            let prediction = try engine.classify([message])[0].get()
            #expect(relativeError(prediction.logits, expected.scores) < 2e-5)
            let best = expected.scores.indices.max { expected.scores[$0] < expected.scores[$1] }
            #expect(prediction.best == best)
        }
    }

    @Test(arguments: [Precision.bf16, .int8, .nf4], KernelSet.available)
    func narrowPrecisionsStayClose(_ precision: Precision, _ instructionSet: String) throws {
        let engine = try engine(precision, instructionSet)
        defer { engine.stop() }
        for expected in try expected().cases {
            let prediction = try engine.classify([try engine.tokenizer.tokenize(expected.text)])[0].get()
            #expect(relativeError(prediction.logits, expected.scores) < 0.1)
        }
    }

    @Test(arguments: [Precision.f32, .bf16, .int8, .nf4])
    func theSameBitsInAnyBatchOnAnyThreads(_ precision: Precision) throws {
        let one = try engine(precision, threads: 1), many = try engine(precision, threads: 3)
        defer {
            one.stop()
            many.stop()
        }
        let messages = try expected().cases.map { try one.tokenizer.tokenize($0.text) }
        let together = many.classify(messages)
        for (message, prediction) in zip(messages, together) { #expect(one.classify([message]) == [prediction]) }
    }

    @Test(arguments: [Precision.f32, .bf16, .int8, .nf4])
    func memoryByPrecisionIsWhatThePrecisionHolds(_ precision: Precision) throws {
        let engine = try engine(precision)
        defer { engine.stop() }
        let said = try #require(engine.description.precisionMemory.first { $0.precision == precision })
        let held = engine.description.memory.filter { !$0.name.hasPrefix("embeddings") }
        #expect(said.weightBytes == held.reduce(0) { $0 + $1.bytes })
        #expect(engine.description.weightBytes == said.weightBytes)
    }

    /// More labels of no greater depth need no more of the decoder, but more of the head.
    @Test func workingMemoryCountsTheHeads() throws {
        func bytes(_ labels: String) throws -> Int {
            let folder = try TemporaryFolder()
            try folder.copy(Self.folder, to: "model")
            try folder.write("model/labels.json", labels)
            try folder.write(
                "model/intentd.json",
                #"{"format": 1, "max_tokens": 40, "prompt": {"template": "Message: {text}\nIntent:", "ending": "\n"}}"#)
            let engine = try IntentEngine(LoadOptions(model: folder.path + "/model", precision: .f32, threads: 1))
            defer { engine.stop() }
            return engine.description.workspaceBytes
        }
        #expect(
            try bytes(#"["card_lost_abroad", "refund"]"#)
                < bytes(#"["card_lost_abroad", "refund", "card_arrival", "exchange_rate"]"#))
    }

    @Test(arguments: [
        ("bidirectional attention", #""attention": "bidirectional""#), ("pooling", #""pooling": "mean""#),
        ("pool_skips_bos", #""pool_skips_bos": true"#),
        (
            "abstention.out_of_scope",
            #""abstention": {"min_confidence": 0, "out_of_scope": {"method": "energy", "threshold": 1}}"#
        ),
    ])
    func aPromptRefusesWhatItWouldIgnore(_ what: String, _ setting: String) throws {
        let folder = try TemporaryFolder()
        try folder.copy(Self.folder, to: "model")
        try folder.write(
            "model/intentd.json", #"{"format": 1, "prompt": {"template": "{text}\nIntent:"}, \#(setting)}"#)
        #expect(throws: EngineError.unsupported("\(what) with a prompt")) {
            try ModelFiles(try ModelFolder(path: folder.path + "/model"))
        }
    }

    @Test func longMessagesKeepThePromptsEnd() throws {
        let folder = try TemporaryFolder()
        try folder.copy(Self.folder, to: "model")
        try folder.write(
            "model/intentd.json",
            #"{"format": 1, "max_tokens": 40, "prompt": {"template": "Message: {text}\nIntent:", "ending": "\n"}}"#)
        let engine = try IntentEngine(LoadOptions(model: folder.path + "/model", precision: .f32, threads: 1))
        defer { engine.stop() }
        let short = try engine.tokenizer.tokenize("x"), long = try engine.tokenizer.tokenize(String(repeating: "card ", count: 99))
        #expect(long.truncated && long.ids.count == 40)
        #expect(long.ids.suffix(3) == short.ids.suffix(3))
        #expect(throws: Never.self) { try engine.classify([long])[0].get() }
        #expect(throws: EngineError.emptyMessage) { try engine.tokenizer.tokenize("  ") }
    }

    @Test(arguments: [
        (#"{"template": "no place:"}"#, "must hold {text} once"),
        (#"{"template": "{text} and {text}:"}"#, "must hold {text} once"),
        (#"{"template": "Intent of {text}"}"#, "must hold {text} once"),
        (#"{"template": "{text}\nIntent:", "continuations": {"nothing": "x"}}"#, "which is no label"),
        (#"{"template": "{text}\nIntent:", "continuations": {"top_up": "refund"}}"#, "the same tokens"),
    ])
    func badPromptsAreRefused(_ prompt: String, _ reason: String) throws {
        let folder = try TemporaryFolder()
        try folder.copy(Self.folder, to: "model")
        try folder.write("model/intentd.json", #"{"format": 1, "prompt": \#(prompt)}"#)
        let error = #expect(throws: EngineError.self) {
            try IntentEngine(LoadOptions(model: folder.path + "/model", precision: .f32, threads: 1)).stop()
        }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
    }

    @Test func withoutAPromptAHeadIsAskedFor() throws {
        let folder = try TemporaryFolder()
        try folder.copy(Self.folder, to: "model")
        try FileManager.default.removeItem(atPath: folder.path + "/model/intentd.json")
        let error = #expect(throws: EngineError.self) {
            try IntentEngine(LoadOptions(model: folder.path + "/model", threads: 1)).stop()
        }
        #expect(error?.description.contains("a prompt in intentd.json") == true)
    }

    @Test func theTreeSharesPrefixesInPreorder() {
        let trie = LabelTrie([[5, 6, 7], [5, 8], [5, 6], [9]])
        #expect(trie.rows == [LabelTrie.Row(token: 5, depth: 1), LabelTrie.Row(token: 6, depth: 2)])
        #expect(trie.depth == 2)
        #expect(trie.labels[0].map(\.row) == [0, 1, 2])
        #expect(trie.labels[0].map(\.token) == [5, 6, 7])
        #expect(trie.labels[1].map(\.row) == [0, 1])
        #expect(trie.labels[3].map(\.row) == [0])
        #expect(trie.steps.count == 5)
    }
}
