/// The service at one moment, for gauges and health pages.
public struct ServiceSnapshot: Sendable {
    public let state: ServiceState
    /// The model in service; nil while the first is loading.
    public let model: ServedModel?
    /// What waits.
    public let queuedMessages: Int
    public let queuedTokens: Int
    /// What is being computed.
    public let runningMessages: Int
    public let runningTokens: Int
    /// The cost model: predicted time of a batch = fixed + perToken * tokens; a `margin` on top is kept free.
    public let fixedCost: Duration
    public let costPerToken: Duration
    public let costMargin: Duration
    /// Since the start: rows admitted, and what became of them. `admitted` = the sum of the others + queued + running.
    public let totals: Totals

    /// Counts of rows (messages) since the start.
    public struct Totals: Sendable, Equatable {
        public var admitted = 0
        /// Computed inside their deadline, and after it.
        public var answeredInTime = 0
        public var answeredLate = 0
        /// Left the queue unanswered: deadline passed; caller left; engine failed or was stopped.
        public var expired = 0
        public var cancelled = 0
        public var failed = 0
        /// Never admitted: refused by admission.
        public var refused = 0

        public init() {}
    }
}
