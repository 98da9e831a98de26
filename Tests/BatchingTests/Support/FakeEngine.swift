@testable import Batching
@testable import Engine

/// An engine whose answers and whose timing the test decides.
final class FakeEngine: BatchEngine {
    let description: ModelDescription
    let messageTokenizer: any MessageTokenizing
    let control: FakeEngineControl
    private let cases: [SelfTestCase]

    /// - Parameters:
    ///   - version: told by `description`, so answers show which engine computed them.
    ///   - control: shared with the test; outlives the engine.
    init(
        version: String = "1", maximumTokens: Int = 512, wordsPerToken: Int = 1, cases: [SelfTestCase] = [],
        control: FakeEngineControl = FakeEngineControl()
    ) {
        description = ModelDescription(
            name: "fake", version: version, labels: ["even", "odd"], architecture: "none", layers: 1, baseLayers: 1,
            hiddenSize: 1, attention: .causal, pooling: .last, maximumTokens: maximumTokens, precision: .f32,
            kernels: "none", threads: 1, basePath: "", adapterPath: nil, adaptedModules: 0, adapterRank: nil,
            weightBytes: 0, workspaceBytes: 0, embeddingBytes: 0, defaultThreshold: 0, scopeMethod: nil)
        messageTokenizer = WordTokenizer(maximumTokens: maximumTokens, wordsPerToken: wordsPerToken)
        self.cases = cases
        self.control = control
    }

    func selfTestCases() -> [SelfTestCase] { cases }

    func classify(_ messages: [TokenizedMessage]) -> [Result<Prediction, EngineError>] {
        control.enter(messages)
        return messages.map { control.answer($0) }
    }

    func stop() { control.stop() }

    deinit { control.free() }
}

/// One token a word; its id is the word's number of bytes.
struct WordTokenizer: MessageTokenizing {
    let maximumTokens: Int
    let wordsPerToken: Int

    func tokenize(_ text: String) throws(EngineError) -> TokenizedMessage {
        let words = text.split(separator: " ")
        if words.isEmpty { throw .emptyMessage }
        let ids = words.enumerated().filter { $0.offset % wordsPerToken == 0 }.map { Int32($0.element.utf8.count) }
        return TokenizedMessage(ids: Array(ids.prefix(maximumTokens)), truncated: ids.count > maximumTokens)
    }
}

extension Prediction {
    /// Sure of one of two labels.
    static func certain(_ label: Int) -> Prediction {
        let probabilities: [Float] = label == 0 ? [0.9, 0.1] : [0.1, 0.9]
        return Prediction(logits: probabilities, probabilities: probabilities, isOutOfScope: false)
    }
}
