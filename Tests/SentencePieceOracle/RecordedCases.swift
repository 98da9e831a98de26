import Foundation

/// Reads a case file of Tests/oracle/sentencepiece_cases.py, which describes the format.
public struct RecordedCases: Sequence, IteratorProtocol {
    /// The file ends inside a record.
    public struct Truncated: Error {}

    private let bytes: [UInt8]
    private var position = 0
    /// Set when iteration stopped because the file is malformed.
    public private(set) var isTruncated = false

    public init(path: String) throws {
        bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    public mutating func next() -> RecordedCase? {
        guard position < bytes.count else { return nil }
        do { return try record() } catch {
            isTruncated = true
            return nil
        }
    }

    private mutating func record() throws(Truncated) -> RecordedCase {
        let text = try sized()
        var tokens: [RecordedCase.Token] = []
        for _ in 0..<(try number()) {
            let id = try number()
            let begin = try number()
            let end = try number()
            guard let id = Int32(exactly: id), begin <= end else { throw Truncated() }
            tokens.append(.init(id: id, bytes: try sized(), range: begin..<end))
        }
        return RecordedCase(text: text, tokens: tokens, decoded: try sized())
    }

    private mutating func sized() throws(Truncated) -> [UInt8] {
        let count = try number()
        guard count <= bytes.count - position else { throw Truncated() }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    private mutating func number() throws(Truncated) -> Int {
        var value = 0
        var shift = 0
        while true {
            guard position < bytes.count, shift < 56 else { throw Truncated() }
            let byte = bytes[position]
            position += 1
            value |= Int(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
}
