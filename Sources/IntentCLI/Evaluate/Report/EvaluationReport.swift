import Engine
import FoundationEssentials
import IntentServer

/// Everything that `intentd evaluate` found, as its JSON file holds it.
struct EvaluationReport: Encodable {
    /// The model that was evaluated.
    struct Model: Encodable {
        var name: String
        var version: String
        var base: String
        var adapter: String?
        var architecture: String
        var layers: Int
        var precision: String
        var kernels: String
        var threads: Int
    }

    /// What abstaining does to the rows that have a label.
    struct Abstention: Encodable {
        var threshold: Double
        var scopeMethod: String?
        var answered: Int
        /// Share of rows answered.
        var coverage: Double
        /// Accuracy of those.
        var accuracy: Double
        var accuracyInterval: WilsonInterval
    }

    /// Rows that are no request the model knows.
    struct OutOfScope: Encodable {
        var rows: Int
        var abstained: Int
        /// Share abstained on.
        var rate: Double
    }

    /// The whole file in packed batches.
    struct Throughput: Encodable {
        var seconds: Double
        var messagesPerSecond: Double
        var tokensPerSecond: Double
        var tokensPerMessage: Double
    }

    var intentdVersion = IntentdVersion.current
    var created: String
    var file: String
    var model: Model
    var rows: Int
    var correct: Int
    var accuracy: Double
    var accuracyInterval: WilsonInterval
    var macroF1: Double
    var truncatedMessages: Int
    var expectedCalibrationError: Double
    var calibrationBins: [Calibration.Bin]
    var abstention: Abstention
    var outOfScope: OutOfScope?
    var coverageCurve: [CoverageCurve.Point]
    var intents: [ClassificationMetrics.Intent]
    var confusions: [ClassificationMetrics.Confusion]
    var throughput: Throughput
    /// Messages answered one at a time.
    var latencyMs: LatencyHistogram?
    /// Of those, messages whose answer differed in any bit from that in a batch.
    var differingFromBatch: Int?
    /// Each precision beside f32, if asked for.
    var precisions: [PrecisionAgreement]

    /// - Parameters:
    ///   - rows: the file.
    ///   - run: its answers.
    ///   - threshold: below this confidence an answer is an abstention.
    ///   - latency: nil if no message was timed alone.
    init(
        file: String, rows: [LabelledMessages.Row], run: ModelRun, threshold: Float, latency: LatencySample?,
        precisions: [PrecisionAgreement]
    ) {
        let description = run.description
        var scored: [ScoredRow] = []
        var strangers = 0, refused = 0
        for (row, prediction) in zip(rows, run.predictions) {
            let abstains = prediction.abstains(below: threshold)
            if let truth = row.truth {
                scored.append(
                    ScoredRow(
                        truth: truth, predicted: prediction.best, confidence: prediction.confidence,
                        isAbstention: abstains))
            } else {
                strangers += 1
                refused += abstains ? 1 : 0
            }
        }
        let metrics = ClassificationMetrics(scored, labels: description.labels)
        let calibration = Calibration(scored)
        let answered = scored.filter { !$0.isAbstention }
        let right = answered.count { $0.isCorrect }

        created = Date.now.formatted(.iso8601)
        self.file = file.split(separator: "/").last.map(String.init) ?? file
        model = Model(
            name: description.name, version: description.version, base: description.basePath,
            adapter: description.adapterPath, architecture: description.architecture, layers: description.layers,
            precision: description.precision.rawValue, kernels: description.kernels, threads: description.threads)
        self.rows = metrics.rows
        correct = metrics.correct
        accuracy = metrics.accuracy
        accuracyInterval = metrics.accuracyInterval
        macroF1 = metrics.macroF1
        truncatedMessages = run.truncatedCount
        expectedCalibrationError = calibration.expectedError
        calibrationBins = calibration.bins
        abstention = Abstention(
            threshold: Double(threshold), scopeMethod: description.scopeMethod, answered: answered.count,
            coverage: Double(answered.count) / Double(max(scored.count, 1)),
            accuracy: answered.isEmpty ? 0 : Double(right) / Double(answered.count),
            accuracyInterval: WilsonInterval(successes: right, of: answered.count))
        if strangers > 0 {
            outOfScope = OutOfScope(
                rows: strangers, abstained: refused, rate: Double(refused) / Double(strangers))
        }
        coverageCurve = CoverageCurve(scored).points
        intents = metrics.intents
        confusions = metrics.confusions
        throughput = Throughput(
            seconds: run.seconds, messagesPerSecond: run.messagesPerSecond, tokensPerSecond: run.tokensPerSecond,
            tokensPerMessage: Double(run.tokenCounts.reduce(0, +)) / Double(max(run.tokenCounts.count, 1)))
        latencyMs = latency?.histogram
        differingFromBatch = latency?.differingFromBatch
        self.precisions = precisions
    }

    /// The comparisons with f32 for `precision.json`.
    var recordEntries: [PrecisionRecord.Entry] {
        precisions.compactMap { agreement in
            guard let precision = Precision(rawValue: agreement.precision), precision != .f32, precision != .reference
            else { return nil }
            return PrecisionRecord.Entry(
                precision: precision, activationLimit: agreement.activationLimit, messages: rows,
                accuracyDifferencePoints: agreement.accuracyDifferencePoints, agreement: agreement.agreement)
        }
    }

    /// The report as JSON with sorted keys.
    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}
