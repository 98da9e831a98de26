/// A load played against the scheduler and a simulated engine on a simulated clock: the same scheduling code as in
/// service, seconds of load in milliseconds. Deterministic: the same seed gives the same report.
public struct BatchSimulation: Sendable {
    public var configuration: BatchingConfiguration
    public var engine: SimulatedEngine
    public var seed: UInt64

    public init(configuration: BatchingConfiguration, engine: SimulatedEngine, seed: UInt64 = 1) {
        self.configuration = configuration
        self.engine = engine
        self.seed = seed
    }

    /// Plays calls (by rising time) against the product's scheduler, whose cost model starts from the engine's true
    /// undisturbed cost, as the warm-up measures it.
    public func run(_ calls: [SimulatedCall]) -> SimulationReport {
        let origin = ContinuousClock.now
        let costs = CostModel(
            fixed: engine.fixed, perToken: engine.perToken, marginCeiling: configuration.marginCeiling)
        var policy = LatencyBoundedPolicy(configuration: configuration, costs: costs, now: origin)
        return run(calls, policy: &policy, origin: origin)
    }

    /// Plays calls against any policy.
    package func run(
        _ calls: [SimulatedCall], policy: inout some BatchPolicy, origin: ContinuousClock.Instant
    ) -> SimulationReport {
        var play = SimulationRun(engine: engine, seed: seed, calls: calls)
        return play.run(&policy, origin: origin)
    }
}
