@testable import IntentCLI

/// Reads all records of `bytes` through a pipe, in pieces of `size`.
func records(
    _ bytes: [UInt8], format: RecordFormat = .auto, pieces size: Int = 1 << 16,
    fields: RecordReader.Fields = RecordReader.Fields(text: "text", id: "id")
) throws -> [InputRecord] {
    let pipe = FeedPipe(bytes, pieces: size)
    var reader = RecordReader(source: ByteSource(descriptor: pipe.readEnd), format: format, fields: fields)
    var result: [InputRecord] = []
    while let record = try reader.next() { result.append(record) }
    return result
}

func records(
    _ text: String, format: RecordFormat = .auto, pieces size: Int = 1 << 16,
    fields: RecordReader.Fields = RecordReader.Fields(text: "text", id: "id")
) throws -> [InputRecord] {
    try records(Array(text.utf8), format: format, pieces: size, fields: fields)
}

extension InputRecord {
    /// A good record.
    static func message(_ line: Int, _ text: String, id: String? = nil, label: String? = nil) -> InputRecord {
        InputRecord(line: line, id: id ?? String(line), text: .success(text), label: label)
    }

    /// A bad record.
    static func bad(_ line: Int, _ reason: String) -> InputRecord {
        InputRecord(line: line, id: String(line), text: .failure(RecordError(reason)))
    }
}
