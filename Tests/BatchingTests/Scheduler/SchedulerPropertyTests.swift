@testable import Batching
import Testing

/// Random loads with everything that can happen to a request, and what must hold whatever happens.
@Suite struct SchedulerPropertyTests {
    /// A load of everything: bursts, calls of many rows, long messages, short deadlines, callers who leave.
    private static func calls(seed: UInt64, rate: Double = 400, seconds: Double = 5) -> [SimulatedCall] {
        var random = SeededGenerator(seed: seed)
        let lengths = LengthDistribution.heavyTailed(shortest: 5, exponent: 1.3, longest: 200)
        var calls = SimulatedCall.poisson(rate: rate, seconds: seconds, lengths: lengths, random: &random)
        for index in calls.indices {
            let kind = Int.random(in: 0..<20, using: &random)
            if kind < 4 { calls[index].timeout = Double.random(in: 0...0.1, using: &random) }
            if kind < 8, kind >= 2 { calls[index].patience = random.exponential(mean: 0.02) }
            if kind == 8 {
                let count = Int.random(in: 2...100, using: &random)
                calls[index].rows = (0..<count).map { _ in lengths.sample(&random) }
            }
            if kind == 9, index > 0 { calls[index].time = calls[index - 1].time }
        }
        return calls
    }

    private static let engine = SimulatedEngine(
        fixed: .milliseconds(1), perToken: .microseconds(250), noise: 0.1, pauseProbability: 0.02,
        meanPause: .milliseconds(5), slowdowns: [(from: 2, factor: 2), (from: 3, factor: 0.7)])

    @Test(arguments: 0..<40 as Range<UInt64>) func nothingIsLostAndEverythingIsAnsweredOnce(seed: UInt64) {
        let simulation = BatchSimulation(configuration: BatchingConfiguration(), engine: Self.engine, seed: seed)
        let origin = ContinuousClock.now
        var policy = LatencyBoundedPolicy(
            configuration: simulation.configuration,
            costs: CostModel(
                fixed: Self.engine.fixed, perToken: Self.engine.perToken, marginCeiling: .milliseconds(15)),
            now: origin)
        let report = simulation.run(Self.calls(seed: seed), policy: &policy, origin: origin)

        // A row without an outcome, or with two, is lost.
        #expect(report.outcomes.allSatisfy { $0 != .lost })
        #expect(policy.scheduler.isIdle)
        #expect(policy.scheduler.queuedTokens == 0 && policy.scheduler.runningTokens == 0)
        let totals = policy.scheduler.totals
        #expect(totals.admitted == report.admitted && totals.refused == report.refused)
        #expect(
            totals.admitted
                == totals.answeredInTime + totals.answeredLate + totals.expired + totals.cancelled + totals.failed)
        #expect(totals.cancelled == report.cancelled)
        #expect(report.admitted > 200 && report.refused > 200 && report.cancelled > 5)
    }

    @Test(arguments: 0..<10 as Range<UInt64>) func nobodyWaitsMuchLongerThanTheLongestDeadline(seed: UInt64) {
        let report = BatchSimulation(configuration: BatchingConfiguration(), engine: Self.engine, seed: seed)
            .run(Self.calls(seed: seed))
        // The longest calls have 100 rows of up to 200 tokens: 5 s of compute at most, twice that to do it in. Whoever
        // is still waiting at the deadline is given up, so only the last batch can add to that.
        #expect((report.latency(quantile: 1) ?? 0) < 10.5)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func tokensAreConservedAtEveryStep(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var test = TestScheduler()
        var waiting: [Int: Int] = [:]
        var running: [Int: Int] = [:]
        for step in 0..<3000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let tokens = Int.random(in: 1...60, using: &random)
                let timeout = Bool.random(using: &random) ? Double.random(in: 1...60, using: &random) : nil
                if case .success(let ids) = test.admit("\(step)", tokens: tokens, timeout: timeout) {
                    for id in ids { waiting[id] = tokens }
                }
            case 5:
                guard let id = waiting.keys.sorted().randomElement(using: &random) else { break }
                #expect(test.scheduler.cancel(id..<id + 1).map(\.id) == [id])
                waiting[id] = nil
            case 6:
                for request in test.scheduler.expire(now: test.clock.now) {
                    #expect(waiting.removeValue(forKey: request.id) == request.tokens)
                }
            default:
                if running.isEmpty {
                    for request in test.scheduler.nextBatch(now: test.clock.now)?.requests ?? [] {
                        #expect(waiting.removeValue(forKey: request.id) == request.tokens)
                        running[request.id] = request.tokens
                    }
                } else {
                    let milliseconds = 1 + 0.25 * Double(running.values.reduce(0, +))
                    #expect(test.finish(after: milliseconds * Double.random(in: 0.8...1.5, using: &random)).count
                        == running.count)
                    running = [:]
                }
            }
            #expect(test.scheduler.queuedTokens == waiting.values.reduce(0, +))
            #expect(test.scheduler.queuedMessages == waiting.count)
            #expect(test.scheduler.runningTokens == running.values.reduce(0, +))
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func theOrderOfSimultaneousArrivalsOnlyDecidesBetweenEquals(seed: UInt64) {
        // Equal requests at one moment: how many are admitted, and when each batch runs, does not depend on the order.
        var random = SeededGenerator(seed: seed)
        let timeouts = (0..<12).map { _ in Double(Int.random(in: 2...5, using: &random)) * 12 }
        func batches(_ order: [Int]) -> [[Double]] {
            var test = TestScheduler()
            for index in order {
                #expect(test.admit("\(timeouts[index])", tokens: 4, timeout: timeouts[index]).isSuccess)
            }
            var result: [[Double]] = []
            while let batch = test.start() {
                result.append(batch.compactMap { Double($0) })
                _ = test.finish(after: 1 + Double(batch.count))
            }
            return result
        }
        let reference = batches(Array(timeouts.indices))
        for _ in 0..<5 { #expect(batches(timeouts.indices.shuffled(using: &random)) == reference) }
        #expect(reference.joined().elementsEqual(reference.joined().sorted()), "nearest deadlines first")
    }

    @Test func theSameSeedGivesTheSameReport() {
        let simulation = BatchSimulation(configuration: BatchingConfiguration(), engine: Self.engine, seed: 9)
        let calls = Self.calls(seed: 9)
        #expect(simulation.run(calls).outcomes == simulation.run(calls).outcomes)
    }

    @Test func withAnExactCostModelNoPromiseIsBroken() {
        // No noise: then admission by schedulability must be right for every single request.
        let engine = SimulatedEngine(fixed: .milliseconds(1), perToken: .microseconds(250))
        for seed in 0..<10 as Range<UInt64> {
            let report = BatchSimulation(configuration: BatchingConfiguration(), engine: engine, seed: seed)
                .run(Self.calls(seed: seed, rate: 500))
            #expect(report.broken == 0)
            #expect(report.admitted > 500 && report.refused > 500)
        }
    }
}
