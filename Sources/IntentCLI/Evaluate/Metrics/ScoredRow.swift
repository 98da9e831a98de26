/// One labelled message and what the model said of it.
struct ScoredRow: Sendable, Equatable {
    /// Index of the right label.
    var truth: Int
    /// Index of the most probable label.
    var predicted: Int
    /// Its probability.
    var confidence: Float
    /// True if the model would rather not say.
    var isAbstention: Bool

    var isCorrect: Bool { truth == predicted }
}
