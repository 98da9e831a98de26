/// How long answers took.
struct LatencyHistogram: Sendable, Equatable, Encodable {
    /// Answers with lower <= milliseconds < upper; the last bin takes its upper end too.
    struct Bin: Sendable, Equatable, Encodable {
        var lower: Double
        var upper: Double
        var count: Int
    }

    let messages: Int
    /// Milliseconds.
    let mean, p50, p90, p99, max: Double
    let bins: [Bin]

    /// - Parameter milliseconds: one a message; at least one.
    init(milliseconds: [Double], binCount: Int = 24) {
        let sorted = milliseconds.sorted()
        messages = sorted.count
        mean = sorted.isEmpty ? 0 : sorted.reduce(0, +) / Double(sorted.count)
        // Nearest rank: a time that was seen, never one between two.
        func percentile(_ share: Double) -> Double {
            sorted.isEmpty ? 0 : sorted[Swift.max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
        }
        p50 = percentile(0.5)
        p90 = percentile(0.9)
        p99 = percentile(0.99)
        max = sorted.last ?? 0
        let low = sorted.first ?? 0
        let width = Swift.max((max - low) / Double(binCount), .leastNormalMagnitude)
        var counts = [Int](repeating: 0, count: binCount)
        for value in sorted { counts[Swift.min(binCount - 1, Int((value - low) / width))] += 1 }
        bins = counts.enumerated().map { index, count in
            Bin(lower: low + Double(index) * width, upper: low + Double(index + 1) * width, count: count)
        }
    }
}
