import Batching
import Engine

/// Messages of a file answered one at a time, as a lone caller would have them.
struct LatencySample {
    let histogram: LatencyHistogram
    /// Messages whose probabilities alone differ from those in a batch in any bit; must be 0.
    let differingFromBatch: Int
}

extension LatencySample {
    private static let warmUps = 5

    /// - Parameters:
    ///   - count: messages to time, spread evenly over the file.
    ///   - run: the same messages' answers in batches.
    init(
        _ rows: [LabelledMessages.Row], path: String, count: Int, run: ModelRun, engine: IntentEngine
    ) throws(EvaluationError) {
        let count = min(count, rows.count)
        let picked = (0..<count).map { $0 * rows.count / count }
        let messages = try ModelRun.tokenize(picked.map { rows[$0] }, path: path, engine.tokenizer)
        for message in messages.prefix(Self.warmUps) { _ = engine.classify([message]) }
        var progress = ProgressLine()
        defer { progress.clear() }
        var milliseconds: [Double] = []
        var differing = 0
        for (index, message) in messages.enumerated() {
            let started = ContinuousClock.now
            let result = engine.classify([message]).first
            milliseconds.append(started.duration(to: .now).inSeconds * 1000)
            if case .success(let alone)? = result, alone == run.predictions[picked[index]] {} else { differing += 1 }
            progress.show("timing", index + 1, of: messages.count)
        }
        histogram = LatencyHistogram(milliseconds: milliseconds)
        differingFromBatch = differing
    }
}
