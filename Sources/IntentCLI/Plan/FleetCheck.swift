import Batching

/// A plan's whole load played over all of its replicas but the spare ones: one stream of arrivals, spread by a
/// balancer, each replica with its own scheduler and engine. The planner plays one replica with its share; this holds
/// its answer against the fleet's.
struct FleetCheck: Encodable, Equatable {
    /// How a balancer that does not look at the load of replicas picks one.
    enum Balancer: String, Encodable, CaseIterable {
        /// At random: the least even of the usual ones (Kubernetes' Service).
        case random
        /// In turn (HAProxy's roundrobin).
        case turns
    }

    var balancer: Balancer
    var replicas: Int
    /// Messages that were played, and the simulated seconds in which they arrived.
    var messages: Int
    var seconds: Double
    /// Share answered inside the bound, of all that arrived and of those admitted.
    var answeredInTime: Double
    var keptPromises: Double
    var p50Ms, p99Ms: Double

    /// Enough for each replica to fill and empty its queue many times.
    private static let messagesPerReplica = 200.0
    private static let messages = 40_000.0...2_000_000.0
    /// Replicas that are played at most: memory and time grow with them.
    static let mostReplicas = 20_000

    /// - Parameter seed: of arrivals and engines, other than those that the plan was made with.
    init(
        _ planner: CapacityPlanner, rps: Double, replicas: Int, balancer: Balancer, seed: UInt64,
        progress: (_ done: Int) -> Void = { _ in }
    ) throws(CapacityPlanError) {
        guard replicas <= Self.mostReplicas else {
            throw .fleetTooLarge(replicas: replicas, most: Self.mostReplicas)
        }
        let wanted = max(Double(replicas) * Self.messagesPerReplica, planner.simulatedMessages)
        let count = min(max(wanted, Self.messages.lowerBound), Self.messages.upperBound)
        var random = SeededGenerator(seed: seed)
        let calls = SimulatedCall.poisson(
            rate: rps, seconds: count / rps, lengths: planner.lengths, random: &random)
        var shares = [[SimulatedCall]](repeating: [], count: replicas)
        for (index, call) in calls.enumerated() {
            switch balancer {
            case .random: shares[Int.random(in: 0..<replicas, using: &random)].append(call)
            case .turns: shares[index % replicas].append(call)
            }
        }
        var outcomes: [SimulationReport.Outcome] = []
        for (index, share) in shares.enumerated() where !share.isEmpty {
            let simulation = BatchSimulation(
                configuration: planner.configuration, engine: planner.engine, seed: seed &+ 1 &+ UInt64(index))
            outcomes += simulation.run(share).outcomes
            progress(index + 1)
        }
        let report = SimulationReport(outcomes: outcomes)
        self.balancer = balancer
        self.replicas = replicas
        messages = calls.count
        seconds = count / rps
        answeredInTime = report.answeredInTime
        keptPromises = report.keptPromises
        p50Ms = report.milliseconds(quantile: 0.5)
        p99Ms = report.milliseconds(quantile: 0.99)
    }

    /// One line for a terminal.
    var text: String {
        """
        all \(replicas), \(balancer == .random ? "at random" : "in turn"): \
        \(NumberFormat.percent(answeredInTime, 3)) in time, of those admitted \
        \(NumberFormat.percent(keptPromises, 3)), p50 \(NumberFormat.fixed(p50Ms, 1)) ms, \
        p99 \(NumberFormat.fixed(p99Ms, 1)) ms (\(messages) messages)
        """
    }
}
