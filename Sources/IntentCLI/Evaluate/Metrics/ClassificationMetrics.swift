/// Accuracy, and precision, recall and F1 of each intent, as scikit-learn defines them (`zero_division=0`; the classes
/// are those that appear as a truth or a prediction).
struct ClassificationMetrics: Sendable, Equatable {
    /// One intent's figures.
    struct Intent: Sendable, Equatable, Encodable {
        var intent: String
        /// Rows whose truth it is.
        var support: Int
        var precision: Double
        var recall: Double
        var f1: Double
    }

    /// Rows of one intent that were taken for another.
    struct Confusion: Sendable, Equatable, Encodable {
        var truth: String
        var predicted: String
        var count: Int
    }

    let rows: Int
    let correct: Int
    /// Intents in the head's order.
    let intents: [Intent]
    /// Most frequent first; ties in the head's order.
    let confusions: [Confusion]

    var accuracy: Double { rows > 0 ? Double(correct) / Double(rows) : 0 }
    var accuracyInterval: WilsonInterval { WilsonInterval(successes: correct, of: rows) }
    /// The plain mean of the intents' F1.
    var macroF1: Double {
        intents.isEmpty ? 0 : intents.reduce(0) { $0 + $1.f1 } / Double(intents.count)
    }

    /// - Parameter labels: names by index.
    init(_ rows: [ScoredRow], labels: [String]) {
        let count = labels.count
        var table = [Int](repeating: 0, count: count * count)
        for row in rows { table[row.truth * count + row.predicted] += 1 }
        self.rows = rows.count
        correct = (0..<count).reduce(0) { $0 + table[$1 * count + $1] }

        intents = (0..<count).compactMap { label in
            let hits = table[label * count + label]
            let support = (0..<count).reduce(0) { $0 + table[label * count + $1] }
            let predicted = (0..<count).reduce(0) { $0 + table[$1 * count + label] }
            guard support + predicted > 0 else { return nil }
            return Intent(
                intent: labels[label], support: support,
                precision: predicted > 0 ? Double(hits) / Double(predicted) : 0,
                recall: support > 0 ? Double(hits) / Double(support) : 0,
                f1: 2 * Double(hits) / Double(support + predicted))
        }
        let pairs = (0..<count * count).filter { $0 / count != $0 % count && table[$0] > 0 }
        confusions = pairs.sorted { (table[$1], $0) < (table[$0], $1) }.map {
            Confusion(truth: labels[$0 / count], predicted: labels[$0 % count], count: table[$0])
        }
    }
}
