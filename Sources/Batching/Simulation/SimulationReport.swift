/// What became of each message of a simulated load.
public struct SimulationReport: Sendable {
    /// The fate of one message. Times are seconds.
    public enum Outcome: Sendable, Equatable {
        case refused
        /// Answered this long after arrival; `inTime` if that was by its own deadline (see `BatchScheduler`).
        case answered(latency: Double, inTime: Bool)
        /// Admitted, but given up in the queue at or after its deadline.
        case expired
        /// Its caller left while it waited.
        case cancelled
        /// Still waiting or running when the simulation ended: never, unless a policy loses messages.
        case lost
    }

    public internal(set) var outcomes: [Outcome]
    /// Tokens and predicted seconds of each batch, in order.
    public internal(set) var batchTokens: [Int] = []
    /// From the first arrival to the last event, and the engine's part of it.
    public internal(set) var seconds = 0.0
    public internal(set) var busySeconds = 0.0

    /// A report of these fates alone, e.g. those of several simulations together; nothing is said of batches and time.
    public init(outcomes: [Outcome]) { self.outcomes = outcomes }

    public var offered: Int { outcomes.count }
    public var refused: Int { outcomes.count { $0 == .refused } }
    public var admitted: Int { offered - refused }
    public var cancelled: Int { outcomes.count { $0 == .cancelled } }
    /// Answered inside the deadline.
    public var good: Int { outcomes.count { if case .answered(_, true) = $0 { true } else { false } } }
    /// Admitted messages, whose caller stayed, that were not answered inside their deadline.
    public var broken: Int { admitted - cancelled - good }
    /// The part of the admitted ones, whose caller stayed, answered inside their deadline; 1 if there were none.
    public var keptPromises: Double {
        admitted == cancelled ? 1 : Double(good) / Double(admitted - cancelled)
    }
    /// Messages a second answered inside their deadline.
    public var goodput: Double { seconds > 0 ? Double(good) / seconds : 0 }
    public var meanBatchTokens: Double {
        batchTokens.isEmpty ? 0 : Double(batchTokens.reduce(0, +)) / Double(batchTokens.count)
    }

    /// Latency in seconds below which this part of the answered messages is; nil if none was.
    public func latency(quantile: Double) -> Double? {
        let latencies = outcomes.compactMap { if case .answered(let latency, _) = $0 { latency } else { nil } }.sorted()
        guard !latencies.isEmpty else { return nil }
        let rank = Int((quantile * Double(latencies.count)).rounded(.up)) - 1
        return latencies[min(max(rank, 0), latencies.count - 1)]
    }
}
