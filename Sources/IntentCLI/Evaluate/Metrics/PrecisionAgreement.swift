import Engine

/// One precision of the engine beside f32 on the same messages.
struct PrecisionAgreement: Sendable, Equatable, Encodable {
    var precision: String
    var kernels: String
    /// `ModelDescription.activationLimit`.
    var activationLimit: Int
    var accuracy: Double
    /// Accuracy minus that of f32, in points of a hundred.
    var accuracyDifferencePoints: Double
    /// Share of messages whose best intent is that of f32.
    var agreement: Double
    /// The largest difference of any probability from f32's.
    var largestProbabilityDifference: Double
    var messagesPerSecond: Double

    /// - Parameters:
    ///   - run: this precision's answers.
    ///   - baseline: those of f32, of the same messages in the same order.
    ///   - truths: right labels; nil for messages that have none.
    init(_ run: ModelRun, baseline: ModelRun, truths: [Int?]) {
        let labelled = truths.indices.filter { truths[$0] != nil }
        func accuracy(_ run: ModelRun) -> Double {
            labelled.isEmpty ? 0 : Double(labelled.count { run.predictions[$0].best == truths[$0] })
                / Double(labelled.count)
        }
        precision = run.description.precision.rawValue
        kernels = run.description.kernels
        activationLimit = run.description.activationLimit
        self.accuracy = accuracy(run)
        accuracyDifferencePoints = (accuracy(run) - accuracy(baseline)) * 100
        let pairs = zip(run.predictions, baseline.predictions)
        let agreeing = pairs.count { $0.best == $1.best }
        agreement = run.predictions.isEmpty ? 1 : Double(agreeing) / Double(run.predictions.count)
        largestProbabilityDifference = pairs.reduce(0) { largest, pair in
            zip(pair.0.probabilities, pair.1.probabilities).reduce(largest) { max($0, Double(abs($1.0 - $1.1))) }
        }
        messagesPerSecond = run.messagesPerSecond
    }
}
