@testable import Engine
@testable import IntentCLI

/// A model whose answer to a message is known from its text: a token a byte, the intent by the first byte.
enum FakeModel {
    static let labels = ["zero", "one", "two", "three"]

    @Sendable static func tokenize(_ text: String) throws(EngineError) -> TokenizedMessage {
        if text.contains("untokenisable") { throw .emptyMessage }
        return TokenizedMessage(ids: text.utf8.prefix(64).map(Int32.init), truncated: text.utf8.count > 64)
    }

    static func classify(_ messages: [TokenizedMessage]) -> [Result<Prediction, EngineError>] {
        messages.map { message in
            // "!" stands for a message that the model itself fails on.
            if message.ids[0] == 0x21 { return .failure(.notFinite) }
            var probabilities: [Float] = [0.05, 0.05, 0.05, 0.05]
            probabilities[label(of: message)] = 0.85
            return .success(
                Prediction(
                    logits: probabilities, probabilities: probabilities, isOutOfScope: message.ids[0] == 0x3f))
        }
    }

    static func label(of message: TokenizedMessage) -> Int { Int(message.ids[0]) % labels.count }
}
