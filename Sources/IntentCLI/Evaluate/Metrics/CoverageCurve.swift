/// What share of messages is answered, and how well, at each confidence threshold.
struct CoverageCurve: Sendable, Equatable {
    /// The rows with at least `threshold` confidence.
    struct Point: Sendable, Equatable, Encodable {
        var threshold: Double
        var coverage: Double
        var accuracy: Double
    }

    /// By rising coverage; the last covers every row.
    let points: [Point]

    /// - Parameter limit: points kept, spread evenly over coverage; the first and the last always are.
    init(_ rows: [ScoredRow], limit: Int = 200) {
        let sorted = rows.sorted { $0.confidence > $1.confidence }
        var points: [Point] = []
        var correct = 0
        for (index, row) in sorted.enumerated() {
            correct += row.isCorrect ? 1 : 0
            // Equal confidences pass a threshold together.
            if index + 1 < sorted.count, sorted[index + 1].confidence == row.confidence { continue }
            let covered = Double(index + 1)
            points.append(
                Point(
                    threshold: Double(row.confidence), coverage: covered / Double(sorted.count),
                    accuracy: Double(correct) / covered))
        }
        guard points.count > limit, limit > 1 else {
            self.points = points
            return
        }
        let last = points.count - 1
        self.points = (0..<limit).map { points[$0 * last / (limit - 1)] }
    }
}
