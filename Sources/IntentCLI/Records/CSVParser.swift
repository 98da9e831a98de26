/// A streaming RFC 4180 parser: comma-separated, double quotes, quoted line breaks; rows end with CRLF, LF or CR.
///
/// Feed it bytes; it calls back with whole rows. Its memory is one row, bounded by `limit` bytes. A longer row is
/// reported and skipped to the end of the line on which it passed the bound, so that a quote which is never closed
/// costs at most `limit` bytes of what follows it.
struct CSVParser {
    /// A row, or why there is none; `line` is where it starts, counted from 1.
    struct Row: Equatable {
        var line: Int
        var fields: Result<[String], RecordError>
    }

    private enum State { case fieldStart, unquoted, quoted, quoteInQuoted, skipping }

    let limit: Int
    private var state = State.fieldStart
    private var field: [UInt8] = []
    private var fields: [String] = []
    /// Bytes of the row so far.
    private var size = 0
    private var line: Int
    private var rowLine: Int
    private var error: RecordError?
    private var lastWasCarriageReturn = false

    /// - Parameters:
    ///   - limit: the longest row in bytes.
    ///   - firstLine: the number of the line that the first row starts on.
    init(limit: Int, firstLine: Int = 1) {
        self.limit = limit
        line = firstLine
        rowLine = firstLine
    }

    /// Parses `bytes`, handing every row that ends in them to `row`.
    mutating func consume<Bytes: Sequence<UInt8>>(_ bytes: Bytes, row: (Row) -> Void) {
        for byte in bytes { consume(byte, row) }
    }

    /// Ends the stream: hands over an unfinished last row, if there is one.
    mutating func finish(row: (Row) -> Void) {
        if state == .quoted { error = error ?? RecordError("a quoted field is not closed") }
        endRow(row)
    }

    private mutating func consume(_ byte: UInt8, _ row: (Row) -> Void) {
        let endsCRLF = byte == 0x0a && lastWasCarriageReturn
        lastWasCarriageReturn = byte == 0x0d
        if byte == 0x0d || (byte == 0x0a && !endsCRLF) { line += 1 }
        if state != .quoted, byte == 0x0d || byte == 0x0a {
            // The line feed of a CRLF belongs to the row that its carriage return ended.
            if endsCRLF { rowLine = line } else { endRow(row) }
            return
        }
        size += 1
        if size > limit, state != .skipping {
            error = RecordError("the row is over \(limit) bytes; perhaps a quote is not closed")
            field.removeAll(keepingCapacity: true)
            state = .skipping
        }
        switch (state, byte) {
        case (.skipping, _): break
        case (.quoted, 0x22): state = .quoteInQuoted
        case (.quoted, _): field.append(byte)
        case (.quoteInQuoted, 0x22):
            state = .quoted
            field.append(byte)
        case (_, 0x2c): endField()
        case (.fieldStart, 0x22): state = .quoted
        case (.quoteInQuoted, _):
            error = error ?? RecordError("text follows a closing quote; double a quote that belongs to the field")
            state = .unquoted
        default:
            state = .unquoted
            field.append(byte)
        }
    }

    private mutating func endField() {
        if error == nil {
            if let text = String(validating: field, as: UTF8.self) {
                fields.append(text)
            } else {
                error = RecordError("the row is not valid UTF-8")
            }
        }
        field.removeAll(keepingCapacity: true)
        state = .fieldStart
    }

    private mutating func endRow(_ row: (Row) -> Void) {
        defer {
            fields.removeAll(keepingCapacity: true)
            field.removeAll(keepingCapacity: true)
            error = nil
            size = 0
            state = .fieldStart
            rowLine = line
        }
        // A blank line is no row.
        guard size > 0 else { return }
        endField()
        row(Row(line: rowLine, fields: error.map { .failure($0) } ?? .success(fields)))
    }
}
