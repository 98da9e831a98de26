@testable import Engine
@testable import IntentCLI

/// A report over made-up answers.
enum ReportFixture {
    static let labels = ["card_arrival", "<b>odd & \"label\"</b>", "lost_card"]

    static func description(precision: Precision = .int8) -> ModelDescription {
        ModelDescription(
            name: "banking77", version: "1.0", labels: labels, architecture: "gemma3", layers: 12, baseLayers: 18,
            hiddenSize: 640, attention: .bidirectional, pooling: .mean, maximumTokens: 512, precision: precision,
            kernels: "avx2", threads: 2, basePath: "models/base", adapterPath: "models/adapter", adaptedModules: 84,
            adapterRank: 16, weightBytes: 1, workspaceBytes: 1, embeddingBytes: 1, defaultThreshold: 0.5,
            scopeMethod: nil)
    }

    static func prediction(_ best: Int, _ confidence: Float) -> Prediction {
        var probabilities = [Float](repeating: (1 - confidence) / 2, count: 3)
        probabilities[best] = confidence
        return Prediction(logits: probabilities, probabilities: probabilities, isOutOfScope: false)
    }

    /// Six labelled rows, four of them right, and two out of scope, one of them refused.
    static let rows: [LabelledMessages.Row] = [0, 0, 1, 1, 2, 2, nil, nil].enumerated().map {
        LabelledMessages.Row(line: $0 + 2, text: "message", truth: $1)
    }

    static let predictions = [
        prediction(0, 0.9), prediction(1, 0.45), prediction(1, 0.8), prediction(1, 0.4), prediction(2, 1),
        prediction(0, 0.7), prediction(0, 0.4), prediction(0, 0.9),
    ]

    static func run(precision: Precision = .int8, predictions: [Prediction] = predictions) -> ModelRun {
        ModelRun(
            description: description(precision: precision), predictions: predictions,
            tokenCounts: [Int](repeating: 10, count: predictions.count), truncatedCount: 1, seconds: 0.5)
    }

    static func report() -> EvaluationReport {
        let f32 = run(precision: .f32)
        return EvaluationReport(
            file: "folder/test <1>.csv", rows: rows, run: run(), threshold: 0.5,
            latency: LatencySample(
                histogram: LatencyHistogram(milliseconds: [8, 9, 9, 10, 11, 20]), differingFromBatch: 0),
            precisions: [
                PrecisionAgreement(f32, baseline: f32, truths: rows.map(\.truth)),
                PrecisionAgreement(run(), baseline: f32, truths: rows.map(\.truth)),
            ])
    }
}
