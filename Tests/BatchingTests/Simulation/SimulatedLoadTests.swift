@testable import Batching
import Testing

/// The promise under simulated load: at least 99.9 % of the admitted are answered inside 50 ms, at any load, and at three
/// times the capacity nine tenths of it are still used.
@Suite struct SimulatedLoadTests {
    /// The default model on two cores, with the noise of a shared machine.
    static let engine = SimulatedEngine(
        fixed: .milliseconds(1), perToken: .microseconds(250), noise: 0.05, pauseProbability: 0.01,
        meanPause: .milliseconds(4))
    /// Lengths of short chat messages: 13.8 tokens on average.
    static let lengths = LengthDistribution.logNormal(median: 12.5, sigma: 0.45, longest: 128)
    static let capacity = engine.capacity(meanTokens: 13.8, batchTokens: 512)

    static func poisson(_ load: Double, seconds: Double = 60, seed: UInt64 = 7) -> [SimulatedCall] {
        var random = SeededGenerator(seed: seed)
        return SimulatedCall.poisson(rate: load * capacity, seconds: seconds, lengths: lengths, random: &random)
    }

    static func run(_ calls: [SimulatedCall], engine: SimulatedEngine = engine) -> SimulationReport {
        BatchSimulation(configuration: BatchingConfiguration(), engine: engine).run(calls)
    }

    /// Messages of the admitted that were answered within the plain 50 ms, not the scheduler's own deadline.
    static func within(_ bound: Double, _ report: SimulationReport) -> Int {
        report.outcomes.count { if case .answered(let latency, _) = $0 { latency <= bound } else { false } }
    }

    @Test(arguments: [0.5, 0.9, 1.5, 3, 10], [1, 2, 3] as [UInt64]) func keepsThePromise(load: Double, seed: UInt64) {
        let report = Self.run(Self.poisson(load, seed: seed))
        #expect(report.keptPromises >= 0.999)
        #expect(Double(Self.within(0.05, report)) >= 0.999 * Double(report.admitted))
    }

    @Test(arguments: [3.0, 10]) func usesNineTenthsOfTheCapacityUnderOverload(load: Double) {
        // Messages of one length: else admission, which prefers short ones, would look better than it is.
        var random = SeededGenerator(seed: 3)
        let calls = SimulatedCall.poisson(
            rate: load * Self.capacity, seconds: 60, lengths: .constant(14), random: &random)
        let report = Self.run(calls)
        #expect(report.goodput >= 0.9 * Self.engine.capacity(meanTokens: 14, batchTokens: 512))
        #expect(report.keptPromises >= 0.999)
    }

    @Test func refusesNextToNothingAtHalfLoad() {
        let report = Self.run(Self.poisson(0.5))
        #expect(Double(report.refused) < 0.005 * Double(report.offered))
    }

    /// The default model on a machine where company saves almost nothing: a message costs 11 ms alone or in a batch.
    static let linearEngine = SimulatedEngine(
        fixed: .microseconds(300), perToken: .microseconds(750), noise: 0.03, pauseProbability: 0.003,
        meanPause: .milliseconds(3))

    /// What the plain queue of a clairvoyant would do: one message after another, each refused only if it would be late.
    private static func plainQueue(_ calls: [SimulatedCall], engine: SimulatedEngine, bound: Double) -> Int {
        var free = 0.0, answered = 0
        for call in calls {
            let end = max(free, call.time) + engine.fixed.inSeconds + engine.perToken.inSeconds * Double(call.rows[0])
            guard end <= call.time + bound else { continue }
            free = end
            answered += 1
        }
        return answered
    }

    /// With messages that fill a quarter of the bound each, chance alone makes some impossible: no policy answers more
    /// than a few beyond the clairvoyant, who knows the time of everything (and reorders nothing).
    @Test(arguments: [0.3, 0.5, 0.9, 1.5, 3], [1, 2, 3] as [UInt64])
    func isNearTheBestWhereMessagesAreLong(load: Double, seed: UInt64) {
        let lengths = LengthDistribution.logNormal(median: 13.2, sigma: 0.3, longest: 32)
        let mean = 13.8, capacity = Self.linearEngine.capacity(meanTokens: mean, batchTokens: 512)
        var random = SeededGenerator(seed: seed)
        let calls = SimulatedCall.poisson(rate: load * capacity, seconds: 120, lengths: lengths, random: &random)
        let report = Self.run(calls, engine: Self.linearEngine)
        let best = Self.plainQueue(calls, engine: Self.linearEngine, bound: 0.048)
        #expect(Double(Self.within(0.05, report)) >= 0.96 * Double(best))
        #expect(Double(Self.within(0.05, report)) >= 0.999 * Double(report.admitted))
        if load <= 0.5 { #expect(Double(report.refused) <= 0.02 * Double(report.offered)) }
        if load >= 3 { #expect(Double(Self.within(0.05, report)) / 120 >= 0.9 * capacity) }
    }

    @Test func aLoneRequestTakesItsServiceTimeOnly() {
        let calls = (0..<200).map { SimulatedCall(time: Double($0), rows: [14]) }
        let engine = SimulatedEngine(fixed: .milliseconds(1), perToken: .microseconds(250))
        let report = Self.run(calls, engine: engine)
        #expect(report.refused == 0)
        #expect(abs((report.latency(quantile: 1) ?? 0) - 0.0045) < 1e-6)
    }

    @Test func bursts() {
        // Every 200 ms a burst of 30 at once on top of a light load: more than fits the bound, so some are refused.
        let reports = (1...20).map { (seed: UInt64) in
            var calls = Self.poisson(0.2, seed: seed)
            var random = SeededGenerator(seed: seed + 5)
            for burst in 0..<300 {
                calls += (0..<30).map { _ in
                    SimulatedCall(time: Double(burst) * 0.2, rows: [Self.lengths.sample(&random)])
                }
            }
            calls.sort { $0.time < $1.time }
            return BatchSimulation(configuration: BatchingConfiguration(), engine: Self.engine, seed: seed).run(calls)
        }
        let report = SimulationReport(outcomes: reports.flatMap(\.outcomes))
        #expect(report.keptPromises >= 0.999)
        #expect(Double(report.admitted) > 0.4 * Double(report.offered))
    }

    @Test func allAtOnce() {
        let calls = (0..<5000).map { _ in SimulatedCall(time: 0, rows: [14]) }
        let report = Self.run(calls)
        // 46 ms of compute, less margins, in full batches of 1 + 0.25 n ms.
        #expect(report.admitted >= 9 && report.admitted <= 13)
        #expect(report.broken == 0)
        #expect(report.offered == report.admitted + report.refused)
    }

    @Test func heavyTailedLengthsStarveNobody() {
        var random = SeededGenerator(seed: 13)
        let lengths = LengthDistribution.heavyTailed(shortest: 6, exponent: 1.2, longest: 128)
        let mean = (0..<20_000).reduce(0.0) { sum, _ in sum + Double(lengths.sample(&random)) } / 20_000
        let rate = 1.5 * Self.engine.capacity(meanTokens: mean, batchTokens: 512)
        let calls = SimulatedCall.poisson(rate: rate, seconds: 120, lengths: lengths, random: &random)
        let report = Self.run(calls)
        #expect(report.keptPromises >= 0.999)
        // Of the longest and of the shortest, a fair part gets in.
        func admittedPart(_ range: ClosedRange<Int>) -> Double {
            let outcomes = zip(calls, report.outcomes).filter { range.contains($0.0.rows[0]) }
            return Double(outcomes.count { $0.1 != .refused }) / Double(outcomes.count)
        }
        #expect(admittedPart(100...128) > 0.1)
        #expect(admittedPart(6...10) > 0.5)
    }

    @Test func oneClientWithLargeCallsLeavesRoomForOthers() {
        // A client sends 200 rows, waits for them, and sends again; others come one by one at a third of the capacity.
        var calls = Self.poisson(0.3)
        calls += stride(from: 0.0, to: 60, by: 2).map { SimulatedCall(time: $0, rows: Array(repeating: 14, count: 200)) }
        calls.sort { $0.time < $1.time }
        let report = Self.run(calls)
        var row = 0
        var single = (offered: 0, kept: 0), large = (offered: 0, kept: 0)
        for call in calls {
            for _ in call.rows {
                let kept = if case .answered(_, true) = report.outcomes[row] { 1 } else { 0 }
                if call.rows.count == 1 {
                    single = (single.offered + 1, single.kept + kept)
                } else {
                    large = (large.offered + 1, large.kept + kept)
                }
                row += 1
            }
        }
        #expect(Double(single.kept) > 0.9 * Double(single.offered))
        #expect(Double(large.kept) > 0.9 * Double(large.offered))
        #expect(report.keptPromises >= 0.999)
    }

    @Test func deadlinesShorterThanServiceCostNothing() {
        var calls = Self.poisson(1)
        for index in calls.indices where index % 2 == 0 { calls[index].timeout = 0.001 }
        let report = Self.run(calls)
        for index in calls.indices where index % 2 == 0 { #expect(report.outcomes[index] == .refused) }
        #expect(report.keptPromises >= 0.999)
        // The others see half a load.
        let others = calls.indices.filter { $0 % 2 == 1 }
        #expect(others.count { report.outcomes[$0] == .refused } < others.count / 50)
    }

    @Test(arguments: [1.0, 3.0]) func adaptsWhenTheEngineSuddenlyTakesTwiceAsLong(load: Double) {
        var engine = Self.engine
        engine.slowdowns = [(from: 20, factor: 2), (from: 40, factor: 1)]
        let calls = Self.poisson(load)
        let report = Self.run(calls, engine: engine)
        func broken(_ times: Range<Double>) -> Int {
            zip(calls, report.outcomes).count { call, outcome in
                guard times.contains(call.time) else { return false }
                switch outcome {
                case .answered(_, let inTime): return !inTime
                case .expired, .lost: return true
                case .refused, .cancelled: return false
                }
            }
        }
        // What had been admitted for the old speed cannot all be kept; half a second later all is as before.
        #expect(broken(19.9..<20.5) < 30)
        #expect(broken(20.5..<60) < 15)
        // Back at full speed as much is done as if nothing had happened.
        func good(_ report: SimulationReport) -> Int {
            zip(calls, report.outcomes).count { call, outcome in
                if case .answered(_, true) = outcome { call.time >= 45 } else { false }
            }
        }
        #expect(Double(good(report)) > 0.95 * Double(good(Self.run(calls))))
    }

    @Test func callersWhoLeaveCostLittle() {
        var calls = Self.poisson(2)
        var random = SeededGenerator(seed: 17)
        for index in calls.indices where index % 2 == 0 { calls[index].patience = random.exponential(mean: 0.01) }
        let report = Self.run(calls)
        #expect(report.cancelled > 1000)
        #expect(report.keptPromises >= 0.999)
        #expect(!report.outcomes.contains(.lost))
    }
}
