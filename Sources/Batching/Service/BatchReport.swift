/// One finished batch, for metrics.
public struct BatchReport: Sendable {
    /// Messages and tokens that were computed.
    public let messages: Int
    public let tokens: Int
    /// Each message's time from arrival to the start of the batch.
    public let queueTimes: [Duration]
    /// What the cost model expected (without margin), and what the batch took.
    public let predictedTime: Duration
    public let computeTime: Duration
    /// Messages answered after their deadline.
    public let boundMisses: Int
    /// Tokens waiting when the batch ended.
    public let queuedTokens: Int
    /// The model that computed the batch.
    public let model: ServedModel
}
