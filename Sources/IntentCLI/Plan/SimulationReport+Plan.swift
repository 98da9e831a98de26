import Batching

/// What a plan reads from a simulation.
extension SimulationReport {
    /// The share of all messages that was answered inside the bound; 1 if none arrived.
    var answeredInTime: Double { offered > 0 ? Double(good) / Double(offered) : 1 }

    /// `latency(quantile:)` in milliseconds; 0 if nothing was answered.
    func milliseconds(quantile: Double) -> Double { (latency(quantile: quantile) ?? 0) * 1000 }
}
