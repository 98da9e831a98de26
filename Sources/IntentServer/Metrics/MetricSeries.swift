import CoreMetrics
import Synchronization

/// One series of a family: the values under one set of labels.
protocol MetricSeries: AnyObject, Sendable {
    /// Adds the series' sample lines to the text.
    func write(name: String, labels: String, to text: inout ExpositionText)
}

/// A value that only rises.
final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
    private let value = Mutex(0.0)

    func increment(by amount: Int64) { if amount > 0 { value.withLock { $0 += Double(amount) } } }
    func increment(by amount: Double) { if amount > 0 { value.withLock { $0 += amount } } }
    /// swift-metrics asks for it; Prometheus reads it as a restart.
    func reset() { value.withLock { $0 = 0 } }

    /// Takes over a total that is counted elsewhere, such as processor time.
    func set(total: Double) { value.withLock { $0 = total } }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        text.sample(name, labels, value.withLock { $0 })
    }
}

/// A value that rises and falls.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    private let value = Mutex(0.0)

    func set(_ value: Int64) { self.value.withLock { $0 = Double(value) } }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        text.sample(name, labels, value.withLock { $0 })
    }
}

/// A distribution in fixed buckets.
final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
    private struct State {
        /// Observations in each bucket alone; the last is above all bounds.
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) * 1e-9) }

    func write(name: String, labels: String, to text: inout ExpositionText) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? ExpositionText.number(bounds[index]) : "+Inf"
            let separator = labels.isEmpty ? "" : ","
            text.sample(name + "_bucket", labels + separator + "le=\"\(bound)\"", Double(total))
        }
        text.sample(name + "_sum", labels, sum)
        text.sample(name + "_count", labels, Double(total))
    }
}
