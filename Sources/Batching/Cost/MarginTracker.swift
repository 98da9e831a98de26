/// Follows a high quantile of how much longer batches take than predicted.
///
/// The error is scaled by (predicted + a tenth of the latency bound): partly proportional (contention, frequency),
/// partly not (the scheduler takes the core away). An error above the tracked value raises it to 1.25 times that error,
/// by half of itself at most, so a single pause of the machine does not halve the service; every other batch lowers it
/// by 0.05 %. The value rests where about one batch in a thousand exceeds it: up-steps and down-steps then balance
/// (stochastic approximation of a quantile, Robbins and Monro 1951).
public struct MarginTracker: Sendable {
    /// The scaled margin.
    private var value: Double
    private let ceiling: Double
    /// The part of the scale that does not depend on the batch.
    private let offset: Double

    /// The part of batches that exceed the value where it rests.
    static let exceedance = 0.001
    private static let initial = 0.1
    private static let floor = 0.02
    private static let decay = 0.9995
    private static let headroom = 1.25
    private static let largestRise = 1.5

    /// - Parameter ceiling: seconds that the margin never exceeds.
    init(ceiling: Double) {
        self.ceiling = max(ceiling, 0)
        offset = self.ceiling / 3
        value = Self.initial
    }

    /// Seconds to keep free for the error of one batch with this predicted time.
    public func seconds(predicted: Double) -> Double { min(value * (predicted + offset), ceiling) }

    /// - Parameter error: actual minus predicted seconds.
    mutating func observe(error: Double, predicted: Double) {
        let scaled = error / (predicted + offset)
        if scaled > value {
            value = min(scaled * Self.headroom, max(value, Self.floor) * Self.largestRise)
        } else {
            value = max(value * Self.decay, Self.floor)
        }
    }
}
