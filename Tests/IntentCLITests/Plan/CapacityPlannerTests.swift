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
        try CapacityPlan(
            planner(perToken: perToken, bound: bound), rps: rps, boundMs: bound,
            timing: EngineTiming(fixed: 1, perToken: perToken), threads: 2, spare: spare, seed: 7)
    }

    /// The plan holds when the whole fleet is played at 10, 100 and 1,000 times what one replica can do at most:
    /// arrivals spread over replicas at random and in turn, other seeds.
    @Test(arguments: [10.0, 100, 1000], FleetCheck.Balancer.allCases)
    func thePlanHoldsForTheWholeFleet(times: Double, balancer: FleetCheck.Balancer) throws {
        let planner = planner()
        let rps = planner.engine.capacity(meanTokens: 13.8, batchTokens: 512) * times
        let plan = try plan(rps: rps)
        let fleet = try FleetCheck(planner, rps: rps, replicas: plan.replicas, balancer: balancer, seed: 99)
        #expect(Double(fleet.messages) > 0.9 * max(40_000, Double(plan.replicas) * 200))
        #expect(fleet.answeredInTime > 0.998 && fleet.keptPromises > 0.999)
        #expect(fleet.p99Ms <= 50)
        // And it is no waste: the fleet is used to a good part.
        #expect(Double(plan.replicas) < times * 2.5)
    }

    /// The check can fail: half of the replicas do not carry the load.
    @Test func halfOfAPlanIsNotEnough() throws {
        let planner = planner()
        let plan = try plan(rps: 20_000)
        let fleet = try FleetCheck(planner, rps: 20_000, replicas: plan.replicas / 2, balancer: .random, seed: 99)
        #expect(fleet.answeredInTime < 0.99)
    }

    @Test func moreReplicasThanArePlayedAreAnError() {
        #expect(throws: CapacityPlanError.fleetTooLarge(replicas: 20_001, most: 20_000)) {
            try FleetCheck(planner(), rps: 1e6, replicas: 20_001, balancer: .random, seed: 1)
        }
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
        #expect(throws: CapacityPlanError.boundOutOfReach(boundMs: 50, target: 0.999)) {
            try CapacityPlan(
                slow, rps: 10, boundMs: 50, timing: EngineTiming(fixed: 60, perToken: 0.25), threads: 1, spare: 0,
                seed: 1)
        }
    }

    private func replica(answeredInTime: Double) -> CapacityPlanner.Replica {
        CapacityPlanner.Replica(
            rate: 1, answeredInTime: answeredInTime, keptPromises: 1, p50: 1, p99: 1, p999: 1, utilisation: 0)
    }

    /// What never meets the second load is an error, not the last count that was tried.
    @Test(arguments: [1, 2, 40, 1000]) func aTargetThatNoCountMeetsIsNotReachable(needed: Int) {
        var tried: [Int] = []
        #expect(
            throws: CapacityPlanError.targetOutOfReach(target: 0.999, replicas: 2 * needed, answeredInTime: 0.9989)
        ) {
            try CapacityPlan.confirmed(needed: needed, target: 0.999) { replicas in
                tried.append(replicas)
                return replica(answeredInTime: 0.9989)
            }
        }
        #expect(tried == tried.sorted() && tried.first == needed && tried.last == 2 * needed)
    }

    @Test func theFirstCountThatMeetsTheSecondLoadIsTaken() throws {
        let found = try CapacityPlan.confirmed(needed: 100, target: 0.999) { replicas in
            replica(answeredInTime: replicas >= 103 ? 0.9995 : 0.998)
        }
        #expect(found.replicas == 104 && found.share.answeredInTime == 0.9995)
        #expect(try CapacityPlan.confirmed(needed: 3, target: 0.9) { _ in replica(answeredInTime: 0.9) }.replicas == 3)
    }

    @Test func replicasBeyondCountingAreAnError() {
        #expect(throws: CapacityPlanError.self) { try plan(rps: 1e300) }
    }

    /// Each error says what was asked for and what to change.
    @Test(arguments: [
        (CapacityPlanError.boundOutOfReach(boundMs: 5, target: 0.999), ["99.90 %", "5.0 ms", "--bound-ms"]),
        (.targetOutOfReach(target: 0.999, replicas: 8, answeredInTime: 0.9981),
            ["not reachable", "8 replicas", "99.810 %", "99.900 %", "--target"]),
        (.tooManyReplicas(rps: 1e9, replicaRps: 0.001), ["1000000000", "0.001", "--rps"]),
        (.fleetTooLarge(replicas: 30_000, most: 20_000), ["20000", "30000", "--rps"]),
    ])
    func errorsSayWhatToDo(error: CapacityPlanError, words: [String]) {
        for word in words { #expect(error.description.contains(word)) }
    }

    @Test func theEnginesTimeIsTheNearestLine() {
        let exact = EngineTiming(fitting: [16, 64, 128, 512].map { (tokens: $0, milliseconds: 1.5 + 0.25 * $0) })
        #expect(abs(exact.fixed - 1.5) < 1e-9 && abs(exact.perToken - 0.25) < 1e-12)
        let falling = EngineTiming(fitting: [(tokens: 16, milliseconds: 2), (tokens: 512, milliseconds: 1)])
        #expect(falling.perToken == 0 && falling.fixed == 1.5)
    }
}
