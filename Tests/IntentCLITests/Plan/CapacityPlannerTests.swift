@testable import Batching
import Testing
@testable import IntentCLI

struct CapacityPlannerTests {
    private func planner(fixed: Double = 1, perToken: Double = 0.25, bound: Double = 50) -> CapacityPlanner {
        CapacityPlanner(
            configuration: BatchingConfiguration(latencyBound: .seconds(bound / 1000)),
            engine: SimulatedEngine(
                fixed: .seconds(fixed / 1000), perToken: .seconds(perToken / 1000), noise: 0.05,
                pauseProbability: 0.01, meanPause: .milliseconds(4)),
            lengths: .logNormal(median: 12.5, sigma: 0.45, longest: 512), meanTokens: 13.8, target: 0.999)
    }

    private func plan(rps: Double, bound: Double = 50, perToken: Double = 0.25, spare: Int = 1) throws -> CapacityPlan {
        try #require(
            CapacityPlan(
                planner(perToken: perToken, bound: bound), rps: rps, boundMs: bound,
                timing: EngineTiming(fixed: 1, perToken: perToken), threads: 2, spare: spare, seed: 7))
    }

    /// The plan holds when the whole fleet is played: arrivals spread over replicas at random, other seeds.
    @Test(arguments: [10.0, 100, 1000]) func thePlanHoldsForTheWholeFleet(times: Double) throws {
        let planner = planner()
        let one = planner.engine.capacity(meanTokens: 13.8, batchTokens: 512)
        let plan = try plan(rps: one * times)
        var random = SeededGenerator(seed: 99)
        let messages = max(40_000, Double(plan.replicas) * 500)
        let calls = SimulatedCall.poisson(
            rate: one * times, seconds: messages / (one * times), lengths: planner.lengths, random: &random)
        var shares = [[SimulatedCall]](repeating: [], count: plan.replicas)
        for call in calls { shares[Int.random(in: 0..<plan.replicas, using: &random)].append(call) }
        var good = 0, offered = 0
        for (index, share) in shares.enumerated() where !share.isEmpty {
            let report = BatchSimulation(
                configuration: planner.configuration, engine: planner.engine, seed: UInt64(index)
            ).run(share)
            good += report.good
            offered += report.offered
        }
        #expect(offered == calls.count)
        #expect(Double(good) / Double(offered) > 0.998)
        // And it is no waste: the fleet is used to a good part.
        #expect(Double(plan.replicas) < times * 2.5)
    }

    @Test func moreLoadNeedsMoreReplicas() throws {
        let plans = try [100.0, 1000, 10_000].map { try plan(rps: $0) }
        #expect(plans.map(\.replicas) == plans.map(\.replicas).sorted())
        #expect(plans.allSatisfy { $0.replicaRps == plans[0].replicaRps })
        #expect(plans.allSatisfy { $0.cores == ($0.replicas + 1) * 2 })
        #expect(plans.allSatisfy { $0.p99Ms <= 50 && $0.answeredInTime >= 0.999 })
    }

    @Test func aTighterBoundNeedsNoFewer() throws {
        #expect(try plan(rps: 2000, bound: 30).replicas >= (try plan(rps: 2000, bound: 100)).replicas)
    }

    @Test func aBoundBelowTheEnginesTimeCannotBeMet() {
        let slow = planner(fixed: 60)
        #expect(slow.highestRate(seed: 1) == 0)
        #expect(
            CapacityPlan(
                slow, rps: 10, boundMs: 50, timing: EngineTiming(fixed: 60, perToken: 0.25), threads: 1, spare: 0,
                seed: 1) == nil)
    }

    @Test func theEnginesTimeIsTheNearestLine() {
        let exact = EngineTiming(fitting: [16, 64, 128, 512].map { (tokens: $0, milliseconds: 1.5 + 0.25 * $0) })
        #expect(abs(exact.fixed - 1.5) < 1e-9 && abs(exact.perToken - 0.25) < 1e-12)
        let falling = EngineTiming(fitting: [(tokens: 16, milliseconds: 2), (tokens: 512, milliseconds: 1)])
        #expect(falling.perToken == 0 && falling.fixed == 1.5)
    }
}
