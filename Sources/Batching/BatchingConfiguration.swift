/// What the service promises, and the limits under which it keeps the promise.
public struct BatchingConfiguration: Sendable, Equatable {
    /// A request is answered within this time of its arrival, or refused at once.
    ///
    /// Two kinds of work get longer, at half of the engine's speed: a message whose own compute takes more than half of
    /// the bound, and the later rows of a call with many messages. See `BatchScheduler`.
    public var latencyBound: Duration
    /// The part of the bound kept for what happens after the engine's answer: waking the caller, encoding, writing.
    public var answerAllowance: Duration
    /// What an answer's way may take beyond `answerAllowance`, as a part of the bound, or of the caller's own time if
    /// that is shorter: one in a thousand takes longer.
    ///
    /// The way: from the socket to the clock that arrivals are counted by, and from the engine to the client. The
    /// service sees neither end of it. Where the engine keeps every core busy, each thread on the way waits for the
    /// kernel to take a core from it, some milliseconds each time; the load test measures the sum (`outside`).
    public var transitShare: Double
    /// Tokens of one batch at most; a single longer message runs alone. Longer batches are no faster per token.
    public var maxBatchTokens: Int
    /// Tokens that may wait at most: bounds memory, whatever the deadlines are.
    public var maxQueuedTokens: Int
    /// The part of a request's time, less margins, that one batch may take. At 0.5, who arrives just after the start of
    /// a batch still has time for a full one. Larger batches are more efficient: 0.55 did best in simulated overload
    /// and bursts.
    public var batchShare: Double
    /// Batches grow, up to `batchShare`, until their fixed cost is only this part of their time. A longer one would
    /// save next to nothing, and who arrives while it runs, and its first members, would wait for its last.
    public var fixedCostShare: Double
    /// A batch that runs longer than this, and than five times what was predicted, means that the engine hangs: every
    /// caller gets an error and the service fails.
    public var stallLimit: Duration

    public init(
        latencyBound: Duration = .milliseconds(50), answerAllowance: Duration = .milliseconds(2),
        transitShare: Double = 0.2, maxBatchTokens: Int = 512, maxQueuedTokens: Int = 32_768, batchShare: Double = 0.55,
        fixedCostShare: Double = 0.04, stallLimit: Duration = .seconds(30)
    ) {
        self.latencyBound = latencyBound
        self.answerAllowance = answerAllowance
        self.transitShare = transitShare
        self.maxBatchTokens = maxBatchTokens
        self.maxQueuedTokens = maxQueuedTokens
        self.batchShare = batchShare
        self.fixedCostShare = fixedCostShare
        self.stallLimit = stallLimit
    }

    /// The most that the margin for prediction errors may take of the bound; with more, too little would be left to
    /// work with.
    var marginCeiling: Duration { latencyBound * 0.3 }
}
