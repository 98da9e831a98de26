public import SentencePiece

/// Compares the tokenizer with recorded cases: ids, pieces, offsets and decoded text, each exactly.
public struct CaseComparison {
    public private(set) var total = 0
    public private(set) var different = 0
    /// The first differences, in words.
    public private(set) var reports: [String] = []

    public init() {}

    /// Compares every case of `cases`; a file that ends inside a record counts as a difference.
    public mutating func run(_ tokenizer: SentencePieceTokenizer, _ cases: RecordedCases) {
        var cases = cases
        while let recorded = cases.next() {
            total += 1
            if let report = Self.difference(tokenizer, recorded) { add("case \(total), \(recorded.text): \(report)") }
        }
        if cases.isTruncated { add("the case file is malformed behind case \(total)") }
    }

    private mutating func add(_ report: String) {
        different += 1
        if reports.count < 10 { reports.append(report) }
    }

    private static func difference(_ tokenizer: SentencePieceTokenizer, _ recorded: RecordedCase) -> String? {
        let expected = recorded.tokens.map(\.id)
        let found = tokenizer.encode(bytes: recorded.text)
        guard found == expected else { return "ids \(found), expected \(expected)" }
        let pieces = tokenizer.encodePieces(bytes: recorded.text).map {
            RecordedCase.Token(id: $0.id, bytes: $0.bytes, range: $0.range)
        }
        guard pieces == recorded.tokens else { return "pieces \(pieces), expected \(recorded.tokens)" }
        let decoded = try? tokenizer.decodeBytes(expected)
        guard decoded == recorded.decoded else {
            return "decoded \(decoded.map(String.init(describing:)) ?? "nothing"), expected \(recorded.decoded)"
        }
        return nil
    }
}
