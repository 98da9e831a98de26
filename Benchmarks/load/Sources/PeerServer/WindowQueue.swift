import Engine
import Foundation

/// What `intentd` is compared with: batching by a fixed window, as many servers do it. A batch starts when `size`
/// messages wait or the first has waited `window`; size 1 is no batching. Nothing is refused but for a full queue.
///
/// `@unchecked Sendable`: `waiting` is touched only with `condition` locked.
final class WindowQueue: @unchecked Sendable {
    typealias Reply = @Sendable (Result<Prediction, EngineError>) -> Void

    private struct Entry {
        let message: TokenizedMessage
        let arrival: Date
        let reply: Reply
    }

    private let size: Int
    private let window: TimeInterval
    private let limit: Int
    private let condition = NSCondition()
    private var waiting: [Entry] = []

    init(size: Int, window: TimeInterval, limit: Int) {
        self.size = size
        self.window = window
        self.limit = limit
    }

    /// - Returns: false if the queue is full.
    func add(_ message: TokenizedMessage, reply: @escaping Reply) -> Bool {
        condition.withLock {
            guard waiting.count < limit else { return false }
            waiting.append(Entry(message: message, arrival: Date(), reply: reply))
            condition.signal()
            return true
        }
    }

    /// Runs batches for ever, on the thread that calls it.
    func serve(_ engine: IntentEngine) -> Never {
        while true {
            let batch = nextBatch()
            for (entry, result) in zip(batch, engine.classify(batch.map(\.message))) { entry.reply(result) }
        }
    }

    private func nextBatch() -> [Entry] {
        condition.withLock {
            while true {
                if let first = waiting.first {
                    let due = first.arrival.addingTimeInterval(window)
                    if waiting.count >= size || due <= Date() { break }
                    _ = condition.wait(until: due)
                } else {
                    condition.wait()
                }
            }
            let batch = Array(waiting.prefix(size))
            waiting.removeFirst(batch.count)
            return batch
        }
    }
}
