/// A streaming RFC 4180 parser: comma-separated, double quotes, quoted line breaks, CRLF or LF.
///
/// Feed it bytes; it calls back with whole rows. Its memory is one row, bounded by `limit` bytes: a longer row
/// is skipped to its end and reported.
struct CSVParser {
    /// A row, or why there is none; `line` is where it starts, counted from 1.
    struct Row: Equatable {
        var line: Int
        var fields: Result<[String], RecordError>
    }

    private enum State { case fieldStart, unquoted, quoted, quoteInQuoted }

    let limit: Int
    private var state = State.fieldStart
    private var field: [UInt8] = []
    private var fields: [String] = []
    private var size = 0
    private var line = 1
    private var rowLine = 1
    private var error: RecordError?
    private var sawCarriageReturn = false
    private var rowHasBytes = false

    init(limit: Int) { self.limit = limit }

    /// Parses `bytes`, handing every row that ends in them to `row`.
    mutating func consume<Bytes: Sequence<UInt8>>(_ bytes: Bytes, row: (Row) -> Void) {
        for byte in bytes { consume(byte, row) }
    }

    /// Ends the stream: hands over an unfinished last row, if there is one.
    mutating func finish(row: (Row) -> Void) {
        if state == .quoted { error = error ?? RecordError("a quoted field is not closed") }
        if rowHasBytes { endRow(row) }
    }

    private mutating func consume(_ byte: UInt8, _ row: (Row) -> Void) {
        if byte == 0x0a { line += 1 }
        if sawCarriageReturn {
            sawCarriageReturn = false
            if byte == 0x0a { return endRow(row) }
            keep(0x0d)
        }
        if byte != 0x0a || state == .quoted { rowHasBytes = true }
        switch (state, byte) {
        case (.quoted, 0x22): state = .quoteInQuoted
        case (.quoted, _): keep(byte)
        case (.quoteInQuoted, 0x22):
            state = .quoted
            keep(byte)
        case (_, 0x0d): sawCarriageReturn = true
        case (_, 0x0a): endRow(row)
        case (_, 0x2c): endField()
        case (.fieldStart, 0x22): state = .quoted
        case (.quoteInQuoted, _):
            error = error ?? RecordError("text follows a closing quote; double a quote that belongs to the field")
            state = .unquoted
        default:
            state = .unquoted
            keep(byte)
        }
    }

    private mutating func keep(_ byte: UInt8) {
        size += 1
        if size > limit {
            error = error ?? RecordError("the row is over \(limit) bytes")
        } else {
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
            rowHasBytes = false
        }
        // A blank line is no row.
        guard rowHasBytes else { return }
        endField()
        row(Row(line: rowLine, fields: error.map { .failure($0) } ?? .success(fields)))
    }
}
