/// A model's answer read against a threshold: the intent it stands for, or an abstention.
struct Verdict: Sendable {
    let answer: MessageAnswer
    /// Index of the most probable label.
    let best: Int
    let abstention: AbstentionReason?

    /// - Parameter threshold: the request's own; nil takes the model's.
    init(_ answer: MessageAnswer, threshold: Float?) {
        self.answer = answer
        let probabilities = answer.probabilities
        best = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
        let confidence = probabilities.isEmpty ? 0 : probabilities[best]
        if answer.isOutOfScope {
            abstention = .outOfScope
        } else if confidence < threshold ?? answer.model.defaultThreshold {
            abstention = .threshold
        } else {
            abstention = nil
        }
    }

    var confidence: Float { answer.probabilities.isEmpty ? 0 : answer.probabilities[best] }

    /// Nil on an abstention.
    var intent: String? { abstention == nil ? answer.model.labels[best] : nil }

    /// Label indices by falling probability, ties by index.
    func ranked(_ count: Int) -> [Int] {
        let probabilities = answer.probabilities
        guard count > 1 else { return [best] }
        return Array(
            probabilities.indices.sorted { (probabilities[$0], $1) > (probabilities[$1], $0) }.prefix(count))
    }
}
