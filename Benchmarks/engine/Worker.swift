import Engine
import Foundation

/// Answers the commands of `compare.py`; `peers/worker.py` says what they are.
struct Worker {
    let engine: IntentEngine
    let messages: [TokenizedMessage]

    private struct Ready: Encodable {
        var ready = true
        var kernels: String
    }

    private struct Answers: Encodable {
        var logits: [[Float]]
    }

    func run() throws {
        try EngineHarness.emit(Ready(kernels: engine.description.kernels))
        while let line = readLine() {
            let words = line.split(separator: " ")
            let number = words.count > 1 ? Int(words[1]) ?? 1 : 1
            switch words.first {
            case "batches": try EngineHarness.emit(["seconds": try batches(of: number)])
            case "single": try EngineHarness.emit(["milliseconds": try single(number)])
            case "answers": try EngineHarness.emit(Answers(logits: try logits()))
            default: throw CocoaError(.formatting)
            }
        }
    }

    /// Seconds for all messages, `size` at a time.
    private func batches(of size: Int) throws -> Double {
        let runs = stride(from: 0, to: messages.count, by: size).map {
            Array(messages[$0..<min($0 + size, messages.count)])
        }
        let start = ContinuousClock.now
        for run in runs {
            for result in engine.classify(run) { _ = try result.get() }
        }
        return start.duration(to: .now).seconds
    }

    /// Milliseconds of each of `count` messages, spread over all, one at a time.
    private func single(_ count: Int) throws -> [Double] {
        try (0..<min(count, messages.count)).map { index in
            let message = messages[index * messages.count / min(count, messages.count)]
            let start = ContinuousClock.now
            for result in engine.classify([message]) { _ = try result.get() }
            return start.duration(to: .now).seconds * 1000
        }
    }

    private func logits() throws -> [[Float]] {
        try engine.classify(messages).map { try $0.get().logits }
    }
}
