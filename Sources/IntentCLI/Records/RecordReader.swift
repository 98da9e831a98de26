/// Turns a stream of bytes into records, in order and in bounded memory.
///
/// A record that cannot be read becomes an `InputRecord` whose text is a failure, in its place; reading goes on.
struct RecordReader: ~Copyable {
    /// Names of the fields that hold the message, its identifier and, where one is wanted, its label.
    struct Fields: Sendable {
        var text: String
        var id: String
        /// With a name, a record without this field is bad.
        var label: String?

        init(text: String, id: String, label: String? = nil) {
            self.text = text
            self.id = id
            self.label = label
        }
    }

    /// The longest line or row in bytes. A message of 64 KiB fits with its JSON escapes.
    static let recordLimit = 1 << 20

    private var lines: LineReader
    private let fields: Fields
    private var format: RecordFormat
    private var line = 0
    private var csv: CSVRecords?
    /// Records read and not handed out, from `nextPending` on: at most those of one buffer.
    private var pending: [InputRecord] = []
    private var nextPending = 0
    private var ended = false

    init(source: consuming ByteSource, format: RecordFormat, fields: Fields) {
        lines = LineReader(source: source, limit: Self.recordLimit)
        self.format = format
        self.fields = fields
    }

    /// True when the next `next()` would have to wait for more input, once all that is there has been read.
    /// - Throws: as `next()`.
    mutating func wouldBlock() throws -> Bool {
        while nextPending == pending.count, !ended {
            if csv == nil { return try lines.wouldBlock() }
            if lines.bytesWouldBlock { return true }
            try readMore()
        }
        return false
    }

    /// The next record, or nil at the end.
    /// - Throws: `InputError` when the stream itself fails, `RecordError` when its header is unusable.
    mutating func next() throws -> InputRecord? {
        while nextPending == pending.count {
            if ended { return nil }
            try readMore()
        }
        defer { nextPending += 1 }
        return pending[nextPending]
    }

    /// Replaces what was pending by what a line, or some bytes of a CSV, hold.
    private mutating func readMore() throws {
        pending.removeAll(keepingCapacity: true)
        nextPending = 0
        if csv != nil { try readCSV() } else { try readLine() }
    }

    private mutating func readLine() throws {
        guard let next = try lines.next() else {
            ended = true
            if format == .csv { throw RecordError("the CSV has no header line") }
            return
        }
        line += 1
        switch next {
        case .tooLong(let limit) where format == .csv:
            throw RecordError("the CSV header is over \(limit) bytes")
        case .bytes(let bytes) where format == .csv:
            try startCSV(with: bytes)
        case .tooLong(let limit):
            pending.append(failure("the line is over \(limit) bytes"))
        case .bytes(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                pending.append(failure("the line is not valid UTF-8"))
                return
            }
            guard !text.allSatisfy(\.isWhitespace) else {
                pending.append(failure("the line is empty"))
                return
            }
            if format == .auto { format = detect(text) }
            switch format {
            case .csv: try startCSV(with: bytes)
            case .jsonl: pending.append(JSONRecord.parse(bytes, line: line, fields: fields))
            case .text, .auto: pending.append(InputRecord(line: line, id: String(line), text: .success(text)))
            }
        }
    }

    /// The format that the first line with text in it speaks for.
    private func detect(_ firstLine: String) -> RecordFormat {
        if firstLine.drop(while: \.isWhitespace).first == "{" { return .jsonl }
        return CSVRecords.header(ofLine: firstLine).contains(fields.text) ? .csv : .text
    }

    private func failure(_ reason: String) -> InputRecord {
        InputRecord(line: line, id: String(line), text: .failure(RecordError(reason)))
    }

    // MARK: CSV

    /// Hands the first line, and what was read behind it, to the CSV parser.
    private mutating func startCSV(with header: [UInt8]) throws {
        var records = CSVRecords(fields: fields, limit: Self.recordLimit, firstLine: line)
        try records.consume(header + [0x0a], into: &pending)
        try records.consume(lines.takeRest(), into: &pending)
        csv = records
    }

    private mutating func readCSV() throws {
        guard var records = csv else { return }
        csv = nil
        if let bytes = try lines.nextBytes() {
            try records.consume(bytes, into: &pending)
            csv = records
        } else {
            ended = true
            try records.finish(into: &pending)
        }
    }
}
