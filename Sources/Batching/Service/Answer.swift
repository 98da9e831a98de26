public import Engine

/// A prediction, and how it came about.
public struct Answer: Sendable {
    public let prediction: Prediction
    /// The model that computed it.
    public let model: ServedModel
    /// From arrival to the start of its batch.
    public let queueTime: Duration
    /// The time of its batch.
    public let computeTime: Duration
    /// True if the answer came after the request's deadline: the promise was broken.
    public let isLate: Bool
}
