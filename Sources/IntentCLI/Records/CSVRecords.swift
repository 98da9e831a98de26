/// Maps CSV rows to records by the header's column names.
struct CSVRecords {
    private let fields: RecordReader.Fields
    private var parser: CSVParser
    private var columns: Columns?

    private struct Columns {
        var count: Int
        var text: Int
        var id: Int?
        var label: Int?
    }

    /// - Parameter firstLine: the number of the line that the header starts on.
    init(fields: RecordReader.Fields, limit: Int, firstLine: Int = 1) {
        self.fields = fields
        parser = CSVParser(limit: limit, firstLine: firstLine)
    }

    /// The column names in one line of text; none if it is no CSV.
    static func header(ofLine line: String) -> [String] {
        var parser = CSVParser(limit: RecordReader.recordLimit)
        var rows: [CSVParser.Row] = []
        parser.consume(line.utf8) { rows.append($0) }
        parser.finish { rows.append($0) }
        return (try? rows.first?.fields.get()) ?? []
    }

    /// - Throws: `RecordError` when the header lacks the text column.
    mutating func consume<Bytes: Sequence<UInt8>>(
        _ bytes: Bytes, into records: inout [InputRecord]
    ) throws(RecordError) {
        var rows: [CSVParser.Row] = []
        parser.consume(bytes) { rows.append($0) }
        try accept(rows, &records)
    }

    /// - Throws: `RecordError` when there was no usable header.
    mutating func finish(into records: inout [InputRecord]) throws(RecordError) {
        var rows: [CSVParser.Row] = []
        parser.finish { rows.append($0) }
        try accept(rows, &records)
        if columns == nil { throw RecordError("the CSV has no header line") }
    }

    private mutating func accept(_ rows: [CSVParser.Row], _ records: inout [InputRecord]) throws(RecordError) {
        for row in rows {
            if let columns {
                records.append(record(row, columns))
            } else {
                columns = try header(row)
            }
        }
    }

    private func header(_ row: CSVParser.Row) throws(RecordError) -> Columns {
        let names: [String]
        do { names = try row.fields.get() } catch { throw RecordError("the CSV header: \(error)") }
        guard let text = names.firstIndex(of: fields.text) else {
            throw RecordError("the CSV header has no column named '\(fields.text)'; name it with --text-field")
        }
        var label: Int?
        if let name = fields.label {
            label = names.firstIndex(of: name)
            if label == nil { throw RecordError("the CSV header has no column named '\(name)'") }
        }
        return Columns(count: names.count, text: text, id: names.firstIndex(of: fields.id), label: label)
    }

    private func record(_ row: CSVParser.Row, _ columns: Columns) -> InputRecord {
        func failure(_ error: RecordError) -> InputRecord {
            InputRecord(line: row.line, id: String(row.line), text: .failure(error))
        }
        switch row.fields {
        case .failure(let error): return failure(error)
        case .success(let values):
            guard values.count == columns.count else {
                return failure(RecordError("the row has \(values.count) fields, the header \(columns.count)"))
            }
            let text = values[columns.text]
            guard !text.allSatisfy(\.isWhitespace) else { return failure(RecordError("the message is empty")) }
            let id = columns.id.map { JSONText.quoted(values[$0]) } ?? String(row.line)
            return InputRecord(
                line: row.line, id: id, text: .success(text), label: columns.label.map { values[$0] })
        }
    }
}
