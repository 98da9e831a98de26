import ArgumentParser
import Engine
import Glibc

/// `intentd score`: standard input to standard output, one answer a record, in order.
struct ScoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Score a stream of messages from standard input, in order.",
        discussion: """
            Reads plain or gzip text, JSON Lines or CSV, and writes one JSON object a record:

              {"id":1,"intent":"card_arrival","confidence":0.97,"tokens":9,"truncated":false}

            The id is the record's own, else its line number. An abstention has "intent":null and "abstained":true. \
            A record that cannot be scored becomes {"line":N,"error":"..."} in its place; the others go on, and the \
            exit status is 3. See 'intentd --help' for all exit statuses.
            """)

    @OptionGroup(title: "Model") var model: ModelOptions

    @Option(help: "How the input holds its messages: \(RecordFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format = RecordFormat.auto

    @Option(help: "Field or column that holds the message.")
    var textField = "text"

    @Option(help: "Field or column that holds the caller's identifier, if there is one.")
    var idField = "id"

    @Option(name: .customLong("top-k"), help: "Intents to list in each answer.")
    var topK = 1

    @Option(help: "Abstain below this confidence, 0 to 1. (default: the model's own)")
    var threshold: Float?

    func validate() throws {
        guard topK >= 1 else { throw ValidationError("--top-k must be at least 1") }
        guard threshold.map({ (0...1).contains($0) }) ?? true else {
            throw ValidationError("--threshold must be 0 to 1")
        }
    }

    func run() throws {
        let engine = try EngineLoader.load(try model.loadOptions())
        defer { engine.stop() }
        let tokenizer = engine.tokenizer
        let pipeline = ScoringPipeline(
            tokenize: { text throws(EngineError) in try tokenizer.tokenize(text) },
            answers: AnswerFormat(
                labels: engine.description.labels, topK: topK,
                threshold: threshold ?? engine.description.defaultThreshold),
            format: format, fields: RecordReader.Fields(text: textField, id: idField),
            chunkTokens: IntentEngine.microBatchTokens, input: STDIN_FILENO, output: STDOUT_FILENO)
        let stop = StopRequest()
        let outcome = withExtendedLifetime(SignalMonitor { stop.request(signal: $0) }) {
            pipeline.run(stop: stop) { engine.classify($0) }
        }
        if let code = try outcome.exitCode() { throw code }
    }
}

extension ScoringOutcome {
    /// The exit status to end with; nil when all went well.
    /// - Throws: the failure to report, when the run could not be completed.
    fileprivate func exitCode() throws -> ExitCode? {
        if let signal { return ExitStatus.interrupted(by: signal) }
        switch outputFailure {
        case .closed: return ExitStatus.outputClosed
        case .some(let error): throw error
        case nil: break
        }
        if let inputFailure { throw RecordError(inputFailure) }
        return counts.failures > 0 ? ExitStatus.badRecords : nil
    }
}
