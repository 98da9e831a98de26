import Batching
import Engine

/// One engine's answers to all messages of a file.
struct ModelRun: Sendable {
    let description: ModelDescription
    /// One a message, in order.
    let predictions: [Prediction]
    /// Tokens of each message.
    let tokenCounts: [Int]
    /// Messages that were cut at the model's limit.
    let truncatedCount: Int
    /// Seconds of compute, tokenising left out.
    let seconds: Double

    var messagesPerSecond: Double { seconds > 0 ? Double(predictions.count) / seconds : 0 }
    var tokensPerSecond: Double { seconds > 0 ? Double(tokenCounts.reduce(0, +)) / seconds : 0 }
}

extension ModelRun {
    /// Classifies every row in packed batches.
    /// - Throws: `EvaluationError.notClassified` naming the first row that the engine refuses.
    init(
        _ rows: [LabelledMessages.Row], path: String, engine: IntentEngine
    ) throws(EvaluationError) {
        let messages = try Self.tokenize(rows, path: path, engine.tokenizer)
        var progress = ProgressLine()
        defer { progress.clear() }
        let label = "evaluating \(engine.description.precision.rawValue)"
        var predictions: [Prediction] = []
        predictions.reserveCapacity(messages.count)
        let started = ContinuousClock.now
        while predictions.count < messages.count {
            let run = Self.run(from: predictions.count, messages)
            for (offset, result) in engine.classify(Array(messages[run])).enumerated() {
                do { predictions.append(try result.get()) } catch {
                    throw .notClassified(
                        path: path, line: rows[run.lowerBound + offset].line, reason: error.description)
                }
            }
            progress.show(label, predictions.count, of: messages.count)
        }
        seconds = started.duration(to: .now).inSeconds
        description = engine.description
        self.predictions = predictions
        tokenCounts = messages.map(\.ids.count)
        truncatedCount = messages.count { $0.truncated }
    }

    static func tokenize(
        _ rows: [LabelledMessages.Row], path: String, _ tokenizer: MessageTokenizer
    ) throws(EvaluationError) -> [TokenizedMessage] {
        var messages: [TokenizedMessage] = []
        for row in rows {
            do throws(EngineError) { messages.append(try tokenizer.tokenize(row.text)) } catch {
                throw .notClassified(path: path, line: row.line, reason: error.description)
            }
        }
        return messages
    }

    /// The messages from `start` on that the engine runs at once: at least one.
    private static func run(from start: Int, _ messages: [TokenizedMessage]) -> Range<Int> {
        var end = start, tokens = 0
        while end < messages.count {
            tokens += messages[end].ids.count
            if tokens > IntentEngine.microBatchTokens, end > start { break }
            end += 1
        }
        return start..<end
    }
}
