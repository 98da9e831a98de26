import ArgumentParser
import Engine
import FoundationEssentials
import Glibc

/// `intentd evaluate`: how good a model is on a labelled file.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure a model on a file of labelled messages.",
        discussion: """
            FILE is CSV with the columns text and category (or JSON Lines with these fields), gzip or not. Accuracy, \
            macro-F1 and the figures of each intent are those of scikit-learn on the same predictions, abstentions \
            ignored; what abstaining changes is reported apart.

            With --compare, the file is also classified in f32 and in each precision named, and the report says how \
            often each agrees with f32 and what it costs in accuracy. With --record too, that is written to \
            precision.json beside the adapter, from which --precision auto chooses.
            """)

    @Argument(help: "File of labelled messages.")
    var file: String

    @OptionGroup(title: "Model") var model: ModelOptions

    @Option(help: ArgumentHelp("Folder for report.html and report.json; made if it is not there.", valueName: "dir"))
    var report: String?

    @Option(help: ArgumentHelp("File for each message's answer with all probabilities, in the order of the model's "
        + "labels, as JSON Lines.", valueName: "file"))
    var predictions: String?

    @Flag(help: "Print the report as JSON in place of the summary.")
    var json = false

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Precisions to compare with f32.", valueName: "precision"))
    var compare: [PrecisionChoice] = []

    @Flag(help: ArgumentHelp("Write precision.json beside the adapter; needs --compare and "
        + "\(PrecisionRecord.fewestMessages) labelled messages."))
    var record = false

    @Option(help: "How the file holds its messages.")
    var format = RecordFormat.auto

    @Option(help: "Column that holds the message.")
    var textField = "text"

    @Option(help: "Column that holds the right intent.")
    var labelField = "category"

    @Option(help: "Label of messages that the model should abstain on; they count for nothing else.")
    var outOfScopeLabel = "out_of_scope"

    @Option(help: "Abstain below this confidence, 0 to 1. (default: the model's own)")
    var threshold: Float?

    @Option(help: "Messages to time one at a time; 0 for none.")
    var latencySamples = 300

    func validate() throws {
        guard latencySamples >= 0 else { throw ValidationError("--latency-samples must not be negative") }
        guard threshold.map({ (0...1).contains($0) }) ?? true else {
            throw ValidationError("--threshold must be 0 to 1")
        }
        guard !record || !compare.isEmpty else { throw ValidationError("--record needs --compare") }
    }

    func run() throws {
        let options = try model.loadOptions()
        if let report {
            // Before minutes are spent on what goes there.
            try Self.writing(to: report) {
                try FileManager.default.createDirectory(atPath: report, withIntermediateDirectories: true)
            }
        }
        let engine = try EngineLoader.load(options)
        let labels = engine.description.labels
        let rows: [LabelledMessages.Row]
        let run: ModelRun
        var latency: LatencySample?
        do {
            defer { engine.stop() }
            rows = try LabelledMessages(
                path: file, format: format, textField: textField, labelField: labelField, labels: labels,
                outOfScope: outOfScopeLabel
            ).rows
            if record { try checkRecordable(engine.description, rows: rows) }
            run = try ModelRun(rows, path: file, engine: engine)
            if latencySamples > 0 {
                latency = try LatencySample(rows, path: file, count: latencySamples, run: run, engine: engine)
            }
        }
        let threshold = threshold ?? engine.description.defaultThreshold
        if let predictions {
            try PredictionFile.write(run, rows: rows, threshold: threshold, to: predictions)
        }
        let report = EvaluationReport(
            file: file, rows: rows, run: run, threshold: threshold, latency: latency,
            precisions: try compared(options, rows: rows, run: run))
        if record, let adapter = engine.description.adapterPath {
            try PrecisionRecord(adapter: adapter, entries: report.recordEntries).write(adapter: adapter)
        }
        if let folder = self.report { try write(report, to: folder) }
        try StandardOutput.write(
            json ? String(decoding: try report.json(), as: UTF8.self) : "\(EvaluationSummary(report: report))")
    }

    /// Each precision asked for, and the one evaluated, beside f32. One engine is in memory at a time.
    private func compared(
        _ options: LoadOptions, rows: [LabelledMessages.Row], run: ModelRun
    ) throws -> [PrecisionAgreement] {
        guard !compare.isEmpty else { return [] }
        func classified(in precision: PrecisionChoice) throws -> ModelRun {
            if run.description.precision == precision.precision { return run }
            var options = options
            options.precision = precision.precision
            // f32 is the same everywhere but for rounding; a twin would take hours for it.
            if precision == .f32 { options.instructionSet = nil }
            let engine = try EngineLoader.load(options)
            defer { engine.stop() }
            return try ModelRun(rows, path: file, engine: engine)
        }
        let baseline = try classified(in: .f32)
        let truths = rows.map(\.truth)
        var result: [PrecisionAgreement] = []
        var seen: Set<Precision> = []
        for run in [baseline, run] where seen.insert(run.description.precision).inserted {
            result.append(PrecisionAgreement(run, baseline: baseline, truths: truths))
        }
        for choice in compare {
            if let precision = choice.precision, seen.contains(precision) { continue }
            let run = try classified(in: choice)
            guard seen.insert(run.description.precision).inserted else { continue }
            result.append(PrecisionAgreement(run, baseline: baseline, truths: truths))
        }
        return result
    }

    /// Refuses what `--record` cannot do before minutes are spent on it.
    private func checkRecordable(_ model: ModelDescription, rows: [LabelledMessages.Row]) throws {
        guard model.adapterPath != nil else {
            throw ValidationError("--record writes beside an adapter; this model has none")
        }
        let labelled = rows.count { $0.truth != nil }
        guard labelled >= PrecisionRecord.fewestMessages else {
            throw ValidationError(
                "--record needs \(PrecisionRecord.fewestMessages) labelled messages to see a loss of "
                    + "\(PrecisionRecord.mostPointsLost) points; \(file) has \(labelled)")
        }
    }

    private func write(_ report: EvaluationReport, to folder: String) throws {
        try Self.writing(to: folder) {
            try report.json().write(to: URL(filePath: folder + "/report.json"), options: .atomic)
            try Data(HTMLReport(report: report).page.utf8).write(
                to: URL(filePath: folder + "/report.html"), options: .atomic)
        }
    }

    /// Runs what writes into the report's folder; its error is told in the system's words.
    private static func writing(to folder: String, _ body: () throws -> Void) throws(EvaluationError) {
        do { try body() } catch {
            let code = ((error as? CocoaError)?.underlying as? POSIXError)?.code
            let reason = code.map { String(cString: strerror($0.rawValue)) } ?? "\(error)"
            throw .cannotWrite(path: folder, reason: "the report cannot be written: \(reason)")
        }
    }
}
