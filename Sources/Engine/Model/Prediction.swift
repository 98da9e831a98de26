import Glibc

/// What the model says of one message.
public struct Prediction: Sendable, Equatable {
    /// The head's outputs, one a label; a causal language model's are log-probabilities.
    public let logits: [Float]
    /// Calibrated probabilities, one a label; they sum to 1.
    public let probabilities: [Float]
    /// True if the message does not look like what the model was trained on, whatever its best label.
    public let isOutOfScope: Bool

    /// Logits with calibrated probabilities: softmax(logits / temperature).
    init(logits: [Float], temperature: Float, isOutOfScope: Bool) {
        let top = logits.max() ?? 0
        let exponentials = logits.map { exp(($0 - top) / temperature) }
        let total = exponentials.reduce(0, +)
        self.init(logits: logits, probabilities: exponentials.map { $0 / total }, isOutOfScope: isOutOfScope)
    }

    init(logits: [Float], probabilities: [Float], isOutOfScope: Bool) {
        self.logits = logits
        self.probabilities = probabilities
        self.isOutOfScope = isOutOfScope
    }

    /// Index of the most probable label; the first of equals.
    public var best: Int { probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0 }
    /// Its probability.
    public var confidence: Float { probabilities.isEmpty ? 0 : probabilities[best] }

    /// Label indices by falling probability, ties by index.
    public func ranked(_ count: Int) -> [Int] {
        Array(
            probabilities.indices.sorted {
                (probabilities[$0], $1) > (probabilities[$1], $0)
            }.prefix(count))
    }
}
