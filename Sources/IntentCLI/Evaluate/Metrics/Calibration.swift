/// How far confidence can be believed: rows in bins of equal width by confidence (Guo et al. 2017).
struct Calibration: Sendable, Equatable {
    /// The rows with lower < confidence <= upper; the first bin takes 0 too.
    struct Bin: Sendable, Equatable, Encodable {
        var lower: Double
        var upper: Double
        var count: Int
        /// Share of right answers; 0 in an empty bin.
        var accuracy: Double
        /// Mean confidence; 0 in an empty bin.
        var confidence: Double
    }

    let bins: [Bin]
    /// The mean over rows of the distance between their bin's confidence and accuracy.
    let expectedError: Double

    init(_ rows: [ScoredRow], binCount: Int = 15) {
        var counts = [Int](repeating: 0, count: binCount)
        var hits = counts
        var sums = [Double](repeating: 0, count: binCount)
        let edges = (0...binCount).map { Double($0) / Double(binCount) }
        for row in rows {
            let confidence = Double(row.confidence)
            let bin = (1..<binCount).first { confidence <= edges[$0] }.map { $0 - 1 } ?? binCount - 1
            counts[bin] += 1
            hits[bin] += row.isCorrect ? 1 : 0
            sums[bin] += confidence
        }
        bins = (0..<binCount).map { bin in
            let count = Double(max(counts[bin], 1))
            return Bin(
                lower: edges[bin], upper: edges[bin + 1], count: counts[bin], accuracy: Double(hits[bin]) / count,
                confidence: sums[bin] / count)
        }
        expectedError = rows.isEmpty ? 0 : bins.reduce(0) {
            $0 + Double($1.count) * abs($1.accuracy - $1.confidence)
        } / Double(rows.count)
    }
}
