import FoundationEssentials

/// Turns a stream of bytes into records, in order and in bounded memory.
///
/// A record that cannot be read becomes an `InputRecord` whose text is a failure, in its place; reading goes on.
struct RecordReader: ~Copyable {
    /// Names of the fields that hold the message and its identifier.
    struct Fields {
        var text: String
        var id: String
    }

    /// The longest line or row in bytes. A message of 64 KiB fits with its JSON escapes.
    static let recordLimit = 1 << 20

    private var source: ByteSource
    private let fields: Fields
    private var format: RecordFormat
    private var splitter = LineSplitter(limit: recordLimit)
    private var line = 0
    private var csv: CSVRecords?
    private var pending: [InputRecord] = []
    private var ended = false

    init(source: consuming ByteSource, format: RecordFormat, fields: Fields) {
        self.source = source
        self.format = format
        self.fields = fields
    }

    /// True when the next `next()` would have to wait for more input.
    var wouldBlock: Bool { pending.isEmpty && source.wouldBlock }

    /// The next record, or nil at the end.
    /// - Throws: `InputError` when the stream itself fails, `RecordError` when its header is unusable.
    mutating func next() throws -> InputRecord? {
        while true {
            if !pending.isEmpty { return pending.removeFirst() }
            if ended { return nil }
            if format == .csv { try readCSV() } else { try readLine() }
        }
    }

    private mutating func readLine() throws {
        while true {
            if let next = splitter.next() { return try accept(next) }
            if try !fillSplitter() {
                ended = true
                if let last = splitter.last() { try accept(last) }
                if format == .csv { try finishCSV() }
                return
            }
        }
    }

    private mutating func fillSplitter() throws(InputError) -> Bool {
        var chunk: [UInt8] = []
        guard try source.read(into: &chunk) else { return false }
        return splitter.append { buffer in
            buffer.append(contentsOf: chunk)
            return true
        }
    }

    private mutating func accept(_ next: LineSplitter.Line) throws {
        line += 1
        switch next {
        case .tooLong(let limit):
            pending.append(failure("the line is over \(limit) bytes"))
        case .bytes(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                pending.append(failure("the line is not valid UTF-8"))
                return
            }
            if format == .auto { try detect(text) }
            switch format {
            case .csv: try startCSV(with: bytes)
            case .jsonl: pending.append(JSONRecord.parse(bytes, line: line, fields: fields))
            case .text, .auto: pending.append(record(text))
            }
        }
    }

    private mutating func detect(_ firstLine: String) throws {
        if firstLine.drop(while: \.isWhitespace).first == "{" {
            format = .jsonl
        } else if CSVRecords.header(ofLine: firstLine).contains(fields.text) {
            format = .csv
        } else {
            format = .text
        }
    }

    private func record(_ text: String) -> InputRecord {
        text.allSatisfy(\.isWhitespace)
            ? failure("the message is empty")
            : InputRecord(line: line, id: String(line), text: .success(text))
    }

    private func failure(_ reason: String) -> InputRecord {
        InputRecord(line: line, id: String(line), text: .failure(RecordError(reason)))
    }

    // MARK: CSV

    /// Hands the first line, and what the splitter holds behind it, to the CSV parser.
    private mutating func startCSV(with firstLine: [UInt8]) throws {
        var records = CSVRecords(fields: fields, limit: Self.recordLimit)
        try records.consume(firstLine + [0x0a], into: &pending)
        try records.consume(splitter.takeRest(), into: &pending)
        csv = records
    }

    private mutating func readCSV() throws {
        var records = csv ?? CSVRecords(fields: fields, limit: Self.recordLimit)
        var chunk: [UInt8] = []
        let more = try source.read(into: &chunk)
        if more { try records.consume(chunk, into: &pending) }
        csv = records
        if !more {
            ended = true
            try finishCSV()
        }
    }

    private mutating func finishCSV() throws {
        guard var records = csv else { throw RecordError("the CSV has no header line") }
        csv = nil
        try records.finish(into: &pending)
    }
}
