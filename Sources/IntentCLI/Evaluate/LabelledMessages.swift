import Glibc

/// A file of messages with their right intents, read whole.
struct LabelledMessages {
    /// A message and its label's index; nil for one that is no request the model knows.
    struct Row {
        var line: Int
        var text: String
        var truth: Int?
    }

    let rows: [Row]

    /// Reads the file at `path`: CSV or JSON Lines, gzip or not.
    /// - Parameters:
    ///   - labels: the model's intents by index.
    ///   - outOfScope: the label of messages that the model should abstain on.
    /// - Throws: `EvaluationError`: a file with a bad row is refused whole, since a score over the rest would be
    ///   another file's score.
    init(
        path: String, format: RecordFormat, textField: String, labelField: String, labels: [String],
        outOfScope: String
    ) throws(EvaluationError) {
        var indices: [String: Int] = [:]
        for (index, label) in labels.enumerated() {
            guard indices.updateValue(index, forKey: label) == nil else { throw .ambiguousLabel(label) }
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, errno: errno) }
        defer { close(descriptor) }
        // The identifier's field is of no use here; a name that no file has keeps it out of the way.
        let fields = RecordReader.Fields(text: textField, id: "", label: labelField)
        var reader = RecordReader(source: ByteSource(descriptor: descriptor), format: format, fields: fields)
        var rows: [Row] = []
        var unknown: [String: Int] = [:]
        var firstUnknown = 0
        do {
            while let record = try reader.next() {
                let text: String
                do { text = try record.text.get() } catch {
                    throw EvaluationError.badRow(path: path, line: record.line, reason: error.description)
                }
                guard let label = record.label else {
                    throw EvaluationError.noLabels(path: path, field: labelField)
                }
                let truth = indices[label]
                if truth == nil, label != outOfScope {
                    if unknown.isEmpty { firstUnknown = record.line }
                    unknown[label, default: 0] += 1
                }
                rows.append(Row(line: record.line, text: text, truth: truth))
            }
        } catch let error as EvaluationError {
            throw error
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
        guard unknown.isEmpty else {
            throw .unknownLabels(
                path: path, rows: unknown.values.reduce(0, +), line: firstUnknown, names: unknown.keys.sorted())
        }
        guard rows.contains(where: { $0.truth != nil }) else { throw .empty(path: path) }
        self.rows = rows
    }
}
