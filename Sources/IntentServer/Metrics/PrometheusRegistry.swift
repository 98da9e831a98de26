import CoreMetrics
import Synchronization

/// A swift-metrics backend that keeps every series in memory and shows them in Prometheus' text format.
///
/// Families are declared with help text and buckets; a metric that a library makes without declaration gets a plain
/// one. The number of series a family may have is bounded, so that no client can grow memory by choosing labels.
final class PrometheusRegistry: MetricsFactory {
    /// Series that one family may have.
    static let seriesLimit = 1000

    private struct Entry {
        let family: MetricFamily
        /// By label text.
        var series: [String: any MetricSeries] = [:]
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var collectors: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// - Parameter families: what will be recorded; each is shown even before its first sample.
    init(_ families: [MetricFamily] = []) {
        state.withLock { state in
            for family in families { state.entries[family.name] = Entry(family: family) }
        }
    }

    /// Adds work that is done before each exposition, for values that are read rather than recorded.
    func addCollector(_ collect: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// All families in the text format, sorted by name and labels.
    func exposition() -> String {
        for collect in state.withLock({ $0.collectors }) { collect() }
        let entries = state.withLock { $0.entries }
        var text = ExpositionText()
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) where !entry.series.isEmpty {
            text.header(entry.family)
            for (labels, series) in entry.series.sorted(by: { $0.key < $1.key }) {
                series.write(name: name, labels: labels, to: &text)
            }
        }
        return text.text
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, kind: .counter) { CounterSeries() } ?? NOOPMetricsHandler.instance
    }

    func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        series(label, dimensions, kind: .counter) { CounterSeries() } ?? NOOPMetricsHandler.instance
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, kind: .gauge) { GaugeSeries() } ?? NOOPMetricsHandler.instance
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else {
            return series(label, dimensions, kind: .gauge) { GaugeSeries() } ?? NOOPMetricsHandler.instance
        }
        return histogram(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramSeries? {
        let fallback = HistogramBounds.seconds
        return state.withLock { state in
            var bounds = fallback
            if case .histogram(let declared)? = state.entries[Self.name(label)]?.family.kind { bounds = declared }
            return Self.series(&state, label, dimensions, kind: .histogram(bounds)) { HistogramSeries(bounds: bounds) }
        }
    }

    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], kind: MetricFamily.Kind, make: () -> Series
    ) -> Series? {
        state.withLock { Self.series(&$0, label, dimensions, kind: kind, make: make) }
    }

    /// The series under these labels, made if it is new; nil if the family is full or of another kind.
    private static func series<Series: MetricSeries>(
        _ state: inout State, _ label: String, _ dimensions: [(String, String)], kind: MetricFamily.Kind,
        make: () -> Series
    ) -> Series? {
        let name = name(label)
        var entry = state.entries[name]
            ?? Entry(family: MetricFamily(name: name, help: "Recorded by a library as \(label).", kind: kind))
        let labels = ExpositionText.labels(dimensions.map { (self.name($0.0), $0.1) })
        if let known = entry.series[labels] { return known as? Series }
        guard entry.family.kind == kind, entry.series.count < seriesLimit else { return nil }
        let series = make()
        entry.series[labels] = series
        state.entries[name] = entry
        return series
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            for (name, entry) in state.entries {
                if let labels = entry.series.first(where: { $0.value === handler })?.key {
                    state.entries[name]?.series[labels] = nil
                    return
                }
            }
        }
    }

    /// A name that the text format allows: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    private static func name(_ label: String) -> String {
        let characters = label.unicodeScalars.map { scalar -> Character in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ":": Character(scalar)
            default: "_"
            }
        }
        let name = String(characters)
        return name.first.map { $0.isNumber ? "_" + name : name } ?? "_"
    }
}

/// Bucket bounds that families share.
enum HistogramBounds {
    /// Half a millisecond to ten seconds, close together around the default latency bound of 50 ms.
    static let seconds: [Double] = [
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Powers of two: tokens of a batch.
    static let tokens: [Double] = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
    /// Powers of two: messages of a batch.
    static let messages: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    /// Measured over predicted: 1 is a perfect prediction.
    static let ratio: [Double] = [0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 4]
}
