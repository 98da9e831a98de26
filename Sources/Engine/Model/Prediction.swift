/// What the model says of one message.
public struct Prediction: Sendable, Equatable {
    /// The head's outputs, one a label.
    public let logits: [Float]
    /// Calibrated probabilities, one a label; they sum to 1.
    public let probabilities: [Float]
    /// True if the message does not look like what the model was trained on, whatever its best label.
    public let isOutOfScope: Bool

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
