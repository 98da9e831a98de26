/// Why there is no plan for a load.
enum CapacityPlanError: Error, Equatable, CustomStringConvertible {
    /// A replica misses the target even at next to no load.
    case boundOutOfReach(boundMs: Double, target: Double)
    /// One simulated load was met, but no count that was tried meets another one.
    case targetOutOfReach(target: Double, replicas: Int, answeredInTime: Double)
    /// More replicas than can be counted.
    case tooManyReplicas(rps: Double, replicaRps: Double)
    /// More replicas than `--check` plays.
    case fleetTooLarge(replicas: Int, most: Int)

    var description: String {
        switch self {
        case .boundOutOfReach(let boundMs, let target):
            "no number of replicas is enough: one alone, with next to no load, answers less than "
                + "\(NumberFormat.percent(target)) within the bound of \(NumberFormat.fixed(boundMs, 1)) ms; raise "
                + "--bound-ms, lower --target, or use more threads or a faster model"
        case .targetOutOfReach(let target, let replicas, let answeredInTime):
            "not reachable: \(replicas) replicas, twice what a first simulated load needed, answer "
                + "\(NumberFormat.percent(answeredInTime, 3)) of a second one in time, and "
                + "\(NumberFormat.percent(target, 3)) was asked for; the target is at the edge of what a replica can "
                + "do at any load: raise --bound-ms, lower --target, or use more threads or a faster model"
        case .tooManyReplicas(let rps, let replicaRps):
            "\(NumberFormat.fixed(rps, 0)) messages/s at \(NumberFormat.fixed(replicaRps, 3)) a replica are more "
                + "replicas than can be counted; lower --rps or raise --bound-ms"
        case .fleetTooLarge(let replicas, let most):
            "--check plays at most \(most) replicas, and this load needs \(replicas); replicas are independent, so "
                + "check a smaller --rps"
        }
    }
}
