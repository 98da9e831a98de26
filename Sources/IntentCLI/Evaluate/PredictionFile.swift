import Engine
import Glibc

/// Every message's answer as JSON Lines, for other tools to check.
enum PredictionFile {
    /// Writes `{"line","truth","intent","confidence","abstained","probabilities"}` a row; the truth of a message out of
    /// scope is null.
    static func write(
        _ run: ModelRun, rows: [LabelledMessages.Row], threshold: Float, to path: String
    ) throws(EvaluationError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, errno: errno) }
        defer { close(descriptor) }
        let labels = run.description.labels.map(JSONText.quoted)
        var writer = OutputWriter(descriptor: descriptor)
        do throws(OutputError) {
            for (row, prediction) in zip(rows, run.predictions) {
                let probabilities = prediction.probabilities.map { "\($0)" }.joined(separator: ",")
                let fields = [
                    "\"line\":\(row.line)", "\"truth\":\(row.truth.map { labels[$0] } ?? "null")",
                    "\"intent\":\(labels[prediction.best])", "\"confidence\":\(prediction.confidence)",
                    "\"abstained\":\(prediction.abstains(below: threshold))", "\"probabilities\":[\(probabilities)]",
                ]
                try writer.writeLine("{\(fields.joined(separator: ","))}")
            }
            try writer.flush()
        } catch {
            throw .cannotWrite(path: path, reason: error.description)
        }
    }
}
