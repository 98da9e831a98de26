import Batching

/// How many replicas a load needs, found by playing it against the scheduler that serves.
///
/// Independent callers spread over replicas by any balancer that does not look at their contents reach each replica as
/// a Poisson process (a random choice) or smoother (taking turns), so one replica is simulated with its share.
struct CapacityPlanner {
    var configuration: BatchingConfiguration
    /// The engine of one replica.
    var engine: SimulatedEngine
    var lengths: LengthDistribution
    var meanTokens: Double
    /// The share of messages that must be answered inside the bound.
    var target: Double

    /// Messages of one simulated load: enough for some twenty misses at the target, so that a chance one does not
    /// decide, and for 0.1 % of misses at least.
    var simulatedMessages: Double { max(20_000, 20 / max(1 - target, 1 - Self.highestTarget)) }
    /// Rarer misses take more messages than are played.
    static let highestTarget = 0.9999
    /// The highest load is found to this part of itself.
    private static let resolution = 0.01

    /// One simulated replica.
    struct Replica: Equatable {
        /// Messages a second that reach it.
        var rate: Double
        /// Share answered inside the bound, of all that arrived and of those admitted.
        var answeredInTime: Double
        var keptPromises: Double
        /// Milliseconds.
        var p50, p99, p999: Double
        /// Share of the time that it computes.
        var utilisation: Double
    }

    /// Plays `rate` messages a second.
    func simulate(rate: Double, seed: UInt64) -> Replica {
        var random = SeededGenerator(seed: seed)
        let calls = SimulatedCall.poisson(
            rate: rate, seconds: simulatedMessages / rate, lengths: lengths, random: &random)
        let report = BatchSimulation(configuration: configuration, engine: engine, seed: seed &+ 1).run(calls)
        return Replica(
            rate: rate, answeredInTime: report.answeredInTime, keptPromises: report.keptPromises,
            p50: report.milliseconds(quantile: 0.5), p99: report.milliseconds(quantile: 0.99),
            p999: report.milliseconds(quantile: 0.999),
            utilisation: report.seconds > 0 ? report.busySeconds / report.seconds : 0)
    }

    /// The highest rate at which one replica answers the target share in time; 0 if none does.
    func highestRate(seed: UInt64) -> Double {
        var low = 0.0
        var high = engine.capacity(meanTokens: meanTokens, batchTokens: configuration.maxBatchTokens)
        // A rate that a lone message in the bound cannot meet is not met by any.
        guard high > 0, simulate(rate: high * Self.resolution, seed: seed).answeredInTime >= target else { return 0 }
        low = high * Self.resolution
        while high - low > high * Self.resolution {
            let middle = (low + high) / 2
            if simulate(rate: middle, seed: seed).answeredInTime >= target { low = middle } else { high = middle }
        }
        return low
    }
}
