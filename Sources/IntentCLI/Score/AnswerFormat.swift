import Engine

/// Writes answers as JSON objects, one a line, in a fixed field order.
struct AnswerFormat: Sendable {
    private let labels: [String]
    private let topK: Int
    private let threshold: Float

    /// - Parameters:
    ///   - labels: intents in the head's order.
    ///   - topK: with 2 or more, each answer lists that many intents.
    ///   - threshold: below this confidence the answer is an abstention.
    init(labels: [String], topK: Int, threshold: Float) {
        self.labels = labels.map(JSONText.quoted)
        self.topK = min(topK, labels.count)
        self.threshold = threshold
    }

    /// The answer as one JSON object without a line end.
    func line(_ answer: ScoredChunk.Answer) -> String {
        switch answer {
        case .failure(let line, let reason):
            return "{\"line\":\(line),\"error\":\(JSONText.quoted(reason))}"
        case .prediction(let id, let message, let prediction):
            var text = "{\"id\":\(id),"
            text += prediction.abstains(below: threshold)
                ? "\"intent\":null,\"abstained\":true" : "\"intent\":\(labels[prediction.best])"
            text += ",\"confidence\":\(prediction.confidence)"
            if topK > 1 {
                let intents = prediction.ranked(topK).map { index in
                    "{\"intent\":\(labels[index]),\"confidence\":\(prediction.probabilities[index])}"
                }
                text += ",\"intents\":[\(intents.joined(separator: ","))]"
            }
            return text + ",\"tokens\":\(message.ids.count),\"truncated\":\(message.truncated)}"
        }
    }
}
