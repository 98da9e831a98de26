import FoundationEssentials
import Glibc

/// What a load needs, and what each replica then does.
struct CapacityPlan: Encodable, Equatable {
    var rps: Double
    var boundMs: Double
    var target: Double
    /// The engine's time: fixed + perToken * tokens.
    var engineFixedMs: Double
    var enginePerTokenMs: Double
    var meanTokens: Double
    /// The most that one replica takes at the target.
    var replicaRps: Double
    /// Replicas that the load needs, and those to spare.
    var replicas: Int
    var spare: Int
    var threadsPerReplica: Int
    /// Of all replicas.
    var cores: Int
    /// One replica's share of the load while the spare ones are away, simulated anew.
    var shareRps: Double
    var answeredInTime: Double
    var keptPromises: Double
    var p50Ms: Double
    var p99Ms: Double
    var utilisation: Double

    /// The whole load over all replicas, where that was asked for.
    var fleet: [FleetCheck]?

    /// - Throws: `CapacityPlanError` when no number of replicas meets the bound, or the target under a second load.
    init(
        _ planner: CapacityPlanner, rps: Double, boundMs: Double, timing: EngineTiming, threads: Int, spare: Int,
        seed: UInt64
    ) throws(CapacityPlanError) {
        let highest = planner.highestRate(seed: seed)
        guard highest > 0 else { throw .boundOutOfReach(boundMs: boundMs, target: planner.target) }
        guard let needed = Int(exactly: (rps / highest).rounded(.up)), needed <= Int.max / 4 else {
            throw .tooManyReplicas(rps: rps, replicaRps: highest)
        }
        // Another seed: a plan that held for one load only gets another replica.
        let (replicas, share) = try Self.confirmed(needed: max(needed, 1), target: planner.target) { replicas in
            planner.simulate(rate: rps / Double(replicas), seed: seed &+ 1000)
        }
        self.rps = rps
        self.boundMs = boundMs
        target = planner.target
        engineFixedMs = timing.fixed
        enginePerTokenMs = timing.perToken
        meanTokens = planner.meanTokens
        replicaRps = highest
        self.replicas = replicas
        self.spare = spare
        threadsPerReplica = threads
        cores = (replicas + spare) * threads
        shareRps = share.rate
        answeredInTime = share.answeredInTime
        keptPromises = share.keptPromises
        p50Ms = share.p50
        p99Ms = share.p99
        utilisation = share.utilisation
    }

    /// The smallest count from `needed` to its double, in steps of 2 %, at which `play` meets the target, and what each
    /// replica does then.
    static func confirmed(
        needed: Int, target: Double, play: (_ replicas: Int) -> CapacityPlanner.Replica
    ) throws(CapacityPlanError) -> (replicas: Int, share: CapacityPlanner.Replica) {
        var replicas = needed
        while true {
            let share = play(replicas)
            if share.answeredInTime >= target { return (replicas, share) }
            guard replicas < 2 * needed else {
                throw .targetOutOfReach(target: target, replicas: replicas, answeredInTime: share.answeredInTime)
            }
            replicas = min(replicas + max(1, replicas / 50), 2 * needed)
        }
    }

    /// The mean of a log-normal distribution.
    static func meanTokens(median: Double, spread: Double) -> Double { median * exp(spread * spread / 2) }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The same for a terminal.
    var text: String {
        func number(_ value: Double, _ digits: Int = 1) -> String { NumberFormat.fixed(value, digits) }
        return """
            load          \(number(rps, 0)) messages/s of \(number(meanTokens)) tokens on average
            promise       \(NumberFormat.percent(target)) answered within \(number(boundMs)) ms
            engine        \(number(engineFixedMs, 2)) ms + \(number(enginePerTokenMs, 4)) ms a token, \
            \(threadsPerReplica) \(threadsPerReplica == 1 ? "thread" : "threads")
            one replica   \(number(replicaRps)) messages/s at most

            replicas      \(replicas) + \(spare) spare
            cores         \(cores)

            Each of \(replicas) replicas then takes \(number(shareRps)) messages/s (simulated):
            in time       \(NumberFormat.percent(answeredInTime)), of those admitted \
            \(NumberFormat.percent(keptPromises))
            latency       p50 \(number(p50Ms)) ms, p99 \(number(p99Ms)) ms
            busy          \(NumberFormat.percent(utilisation, 0))
            """ + (fleet ?? []).map { "\n" + $0.text }.joined()
    }
}
