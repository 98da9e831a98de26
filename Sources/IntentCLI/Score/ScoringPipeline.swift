import Dispatch
import Engine
import Glibc
import Synchronization

/// Scores a stream in order and in bounded memory: one thread reads and tokenises ahead, the calling thread drives the
/// engine, one thread writes.
///
/// A chunk is what the engine runs at once, so the engine always finds a full one waiting and never pads. When the
/// input pauses, what was read is scored and written without waiting for more.
struct ScoringPipeline: Sendable {
    /// Text to tokens.
    var tokenize: @Sendable (String) throws(EngineError) -> TokenizedMessage
    var answers: AnswerFormat
    var format: RecordFormat
    var fields: RecordReader.Fields
    /// Tokens that the engine runs at once.
    var chunkTokens: Int
    /// File descriptors to read and to write.
    var input: Int32
    var output: Int32

    /// Chunks that may wait before and behind the engine.
    private static let queuedChunks = 8

    /// Runs to the end of the input, or until `stop` is asked for.
    /// - Parameter classify: the engine; one result a message, in order. Called on this thread only.
    func run(
        stop: StopRequest = StopRequest(),
        classify: ([TokenizedMessage]) -> [Result<Prediction, EngineError>]
    ) -> ScoringOutcome {
        let unscored = BoundedQueue<MessageChunk>(capacity: Self.queuedChunks)
        let scored = BoundedQueue<ScoredChunk>(capacity: Self.queuedChunks)
        let shared = Shared()
        stop.onRequest { unscored.cancel() }

        DispatchQueue(label: "intentd.score.reader").async {
            read(into: unscored, shared)
            unscored.finish()
        }
        let writerDone = DispatchGroup()
        DispatchQueue(label: "intentd.score.writer").async(group: writerDone) {
            write(from: scored, shared)
            unscored.cancel()
            scored.cancel()
        }
        while let chunk = unscored.pop() {
            let messages = chunk.messages
            let predictions = messages.isEmpty ? [] : classify(messages)
            guard scored.push(ScoredChunk(chunk: chunk, predictions: predictions)) else { break }
        }
        scored.finish()
        writerDone.wait()
        var outcome = shared.outcome.withLock { $0 }
        outcome.signal = stop.signal
        return outcome
    }

    /// What the threads leave behind.
    private final class Shared: Sendable {
        let outcome = Mutex(ScoringOutcome())
    }

    // MARK: Reading

    private func read(into queue: BoundedQueue<MessageChunk>, _ shared: Shared) {
        var reader = RecordReader(source: ByteSource(descriptor: input), format: format, fields: fields)
        var chunk = MessageChunk()
        do {
            while true {
                if !chunk.entries.isEmpty, try reader.wouldBlock() {
                    guard queue.push(chunk) else { return }
                    chunk = MessageChunk()
                }
                guard let record = try reader.next() else { break }
                let entry = entry(record)
                if chunk.isFull(for: entry, tokenLimit: chunkTokens) {
                    guard queue.push(chunk) else { return }
                    chunk = MessageChunk()
                }
                chunk.append(entry)
            }
        } catch {
            shared.outcome.withLock { $0.inputFailure = "\(error)" }
        }
        if !chunk.entries.isEmpty { _ = queue.push(chunk) }
    }

    private func entry(_ record: InputRecord) -> MessageChunk.Entry {
        switch record.text {
        case .failure(let error):
            return .failure(line: record.line, reason: error.description)
        case .success(let text):
            do throws(EngineError) {
                return .message(id: record.id, line: record.line, try tokenize(text))
            } catch {
                return .failure(line: record.line, reason: error.description)
            }
        }
    }

    // MARK: Writing

    private func write(from queue: BoundedQueue<ScoredChunk>, _ shared: Shared) {
        var writer = OutputWriter(descriptor: output)
        var progress = ProgressLine(besideOutput: true)
        var counts = ScoringOutcome.Counts()
        do throws(OutputError) {
            while true {
                var next = queue.popIfPresent()
                if next == nil {
                    // Nothing waits behind the engine: what is buffered should not wait either.
                    try writer.flush()
                    next = queue.pop()
                }
                guard let next else { break }
                try next.forEachAnswer { answer throws(OutputError) in
                    counts.lines += 1
                    if case .failure = answer { counts.failures += 1 }
                    try writer.writeLine(answers.line(answer))
                }
                counts.tokens += next.chunk.tokenCount
                let seconds = progress.seconds
                progress.show { Self.progress(counts, seconds) }
            }
            try writer.flush()
        } catch {
            shared.outcome.withLock { $0.outputFailure = error }
        }
        progress.finish(Self.progress(counts, progress.seconds))
        shared.outcome.withLock { $0.counts = counts }
    }

    private static func progress(_ counts: ScoringOutcome.Counts, _ seconds: Double) -> String {
        let rate = seconds > 0 ? Double(counts.lines) / seconds : 0
        let tokenRate = seconds > 0 ? Double(counts.tokens) / seconds : 0
        let bad = counts.failures > 0 ? ", \(counts.failures) bad" : ""
        return "\(counts.lines) lines\(bad), \(Int(rate)) lines/s, \(Int(tokenRate)) tokens/s"
    }
}
