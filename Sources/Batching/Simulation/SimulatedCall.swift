/// One call in a simulated load. Times are seconds since the start.
public struct SimulatedCall: Sendable {
    public var time: Double
    /// Tokens of each of its messages.
    public var rows: [Int]
    /// Seconds that the caller gives it; nil leaves the latency bound.
    public var timeout: Double?
    /// Seconds after which the caller leaves.
    public var patience: Double?

    public init(time: Double, rows: [Int], timeout: Double? = nil, patience: Double? = nil) {
        self.time = time
        self.rows = rows
        self.timeout = timeout
        self.patience = patience
    }

    /// Independent callers: exponential gaps, one message a call.
    /// - Parameters:
    ///   - rate: calls a second.
    ///   - seconds: length of the load.
    public static func poisson(
        rate: Double, seconds: Double, lengths: LengthDistribution, random: inout SeededGenerator
    ) -> [SimulatedCall] {
        var calls: [SimulatedCall] = []
        guard rate > 0 else { return calls }
        var time = random.exponential(mean: 1 / rate)
        while time < seconds {
            calls.append(SimulatedCall(time: time, rows: [lengths.sample(&random)]))
            time += random.exponential(mean: 1 / rate)
        }
        return calls
    }
}
