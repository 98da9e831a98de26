import Engine

/// Checks a freshly loaded engine before anyone depends on it.
struct SelfTest {
    let engine: any BatchEngine

    /// Everyday messages in the model's domain, short and long, plain and not: for models without cases of their own.
    static let messages = [
        "My card has not arrived yet.",
        "How do I change my PIN?",
        "There is a payment on my statement that I did not make, and I would like to know how to dispute it.",
        "top up failed",
        "What is the exchange rate for euros today?",
        "I think that somebody has stolen my phone!",
        "Can I have a second card for my daughter, and what would it cost each month?",
        "Wann kommt meine \u{1F4B3}?",
    ]

    /// The probabilities of one answer may miss 1 by this in sum: f32 rounding over some hundred labels.
    private static let sumTolerance: Float = 1e-3

    /// Runs the test.
    /// - Throws: `selfTestFailed` with what was wrong, or `engine`.
    func run() throws(BatchingError) {
        let cases: [SelfTestCase]
        do { cases = try engine.selfTestCases() } catch { throw .engine(error) }
        // Either: both would make every start longer, and the model's own say more.
        let texts = cases.isEmpty ? Self.messages : cases.map(\.text)
        let together = try classify(texts)
        for prediction in together { try check(prediction) }
        guard let first = texts.first, let alone = try classify([first]).first, alone == together[0] else {
            throw .selfTestFailed("a message has another answer in a batch than alone")
        }
        let labels = engine.description.labels
        for (test, prediction) in zip(cases, together) {
            // The text is the model author's, not a customer's, but it is not needed to find the case.
            guard labels[prediction.best] == test.intent else {
                throw .selfTestFailed("a message of intent \(test.intent) was taken for \(labels[prediction.best])")
            }
        }
    }

    /// True if the other engine turns these messages into the same tokens.
    func tokenizes(like other: any MessageTokenizing) -> Bool {
        let own = engine.messageTokenizer
        return own.maximumTokens == other.maximumTokens && Self.messages.allSatisfy { text in
            (try? own.tokenize(text)) == (try? other.tokenize(text))
        }
    }

    private func classify(_ texts: [String]) throws(BatchingError) -> [Prediction] {
        do throws(EngineError) {
            var messages: [TokenizedMessage] = []
            for text in texts { messages.append(try engine.messageTokenizer.tokenize(text)) }
            var predictions: [Prediction] = []
            for result in engine.classify(messages) { predictions.append(try result.get()) }
            guard predictions.count == texts.count else {
                throw EngineError.mismatch("\(predictions.count) answers to \(texts.count) messages")
            }
            return predictions
        } catch {
            throw .engine(error)
        }
    }

    private func check(_ prediction: Prediction) throws(BatchingError) {
        let labels = engine.description.labels.count
        guard labels > 0, prediction.probabilities.count == labels else {
            throw .selfTestFailed("\(prediction.probabilities.count) probabilities for \(labels) labels")
        }
        guard prediction.probabilities.allSatisfy({ $0.isFinite && $0 >= 0 }),
            abs(prediction.probabilities.reduce(0, +) - 1) < Self.sumTolerance
        else { throw .selfTestFailed("the probabilities do not sum to 1") }
    }
}
