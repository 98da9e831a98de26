import ArgumentParser
import Batching
import Engine
import FoundationEssentials

/// `intentd plan`: how many replicas and cores a load needs.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Say how many replicas and cores a load needs.",
        discussion: """
            Plays Poisson arrivals against the scheduler that serves, on a simulated clock, and looks for the highest \
            load at which one replica answers the target share of messages inside the latency bound. The engine's \
            speed is measured here with the model that the options name, or given by --fixed-ms and --per-token-ms as \
            measured elsewhere.
            """)

    @Option(help: "Messages a second at the peak, over all replicas.")
    var rps: Double

    @Option(help: "Latency bound in milliseconds.")
    var boundMs = 50.0

    @Option(help: "Tokens of a message: the median.")
    var tokens = 12.5

    @Option(help: "Share of messages that must be answered inside the bound; the rest is refused at once.")
    var target = 0.999

    @Option(help: "Replicas beyond what the load needs: to lose or replace that many at the peak.")
    var spare = 1

    @Option(help: ArgumentHelp("Milliseconds that any batch takes. (default: measured)", valueName: "ms"))
    var fixedMs: Double?

    @Option(help: ArgumentHelp("Milliseconds that each token of a batch takes. (default: measured)", valueName: "ms"))
    var perTokenMs: Double?

    @OptionGroup(title: "Model") var model: ModelOptions

    @Flag(help: "Play the whole load over all replicas too, spread at random and in turn.")
    var check = false

    @Flag(help: "Print JSON.")
    var json = false

    /// Spread of message lengths (standard deviation of the logarithm), as in Banking77's training messages.
    private static let lengthSpread = 0.45
    /// Of a batch's time, and of pauses by the operating system: as on an ordinary shared machine.
    private static let noise = 0.05, pauseProbability = 0.01, meanPause = Duration.milliseconds(4)
    private static let seed: UInt64 = 7

    func validate() throws {
        guard rps > 0, rps <= 1e9 else { throw ValidationError("--rps must be above 0 and at most 1e9") }
        guard (1...60_000).contains(boundMs) else { throw ValidationError("--bound-ms must be 1 to 60000") }
        guard (1...512).contains(tokens) else { throw ValidationError("--tokens must be 1 to 512") }
        guard target > 0, target <= CapacityPlanner.highestTarget else {
            throw ValidationError("--target must be above 0 and at most \(CapacityPlanner.highestTarget)")
        }
        guard (0...1000).contains(spare) else { throw ValidationError("--spare must be 0 to 1000") }
        guard (fixedMs == nil) == (perTokenMs == nil) else {
            throw ValidationError("--fixed-ms and --per-token-ms belong together")
        }
        guard (0...10_000).contains(fixedMs ?? 0), perTokenMs.map({ $0 > 0 && $0 <= 1000 }) ?? true else {
            throw ValidationError("--fixed-ms must be 0 to 10000, --per-token-ms above 0 and at most 1000")
        }
    }

    func run() throws {
        let options = try model.loadOptions()
        let threads: Int
        let timing: EngineTiming
        if let fixedMs, let perTokenMs {
            threads = options.threads ?? ProcessorBudget.available()
            timing = EngineTiming(fixed: fixedMs, perToken: perTokenMs)
        } else {
            let engine = try EngineLoader.load(options)
            threads = engine.description.threads
            timing = EngineTiming(measuring: engine)
            engine.stop()
        }
        let longest = 512
        let planner = CapacityPlanner(
            configuration: BatchingConfiguration(latencyBound: .seconds(boundMs / 1000)),
            engine: SimulatedEngine(
                fixed: .seconds(timing.fixed / 1000), perToken: .seconds(timing.perToken / 1000), noise: Self.noise,
                pauseProbability: Self.pauseProbability, meanPause: Self.meanPause),
            lengths: .logNormal(median: tokens, sigma: Self.lengthSpread, longest: longest),
            meanTokens: CapacityPlan.meanTokens(median: tokens, spread: Self.lengthSpread), target: target)
        var plan = try CapacityPlan(
            planner, rps: rps, boundMs: boundMs, timing: timing, threads: threads, spare: spare, seed: Self.seed)
        if check {
            var progress = ProgressLine()
            defer { progress.clear() }
            plan.fleet = try FleetCheck.Balancer.allCases.map { balancer in
                try FleetCheck(
                    planner, rps: rps, replicas: plan.replicas, balancer: balancer, seed: Self.seed &+ 2000
                ) { done in progress.show("checking", done, of: plan.replicas) }
            }
        }
        try StandardOutput.write(json ? try plan.json() : plan.text)
    }
}
