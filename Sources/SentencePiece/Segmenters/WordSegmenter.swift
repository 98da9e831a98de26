/// Splits before every space mark; each word is one piece or unknown. Source: SentencePiece's word_model.cc.
struct WordSegmenter: Sendable {
    func segments(_ text: borrowing NormalizedText, _ vocabulary: Vocabulary) -> [Segment] {
        var segments: [Segment] = []
        let bytes = text.bytes.span
        var start = 0
        var position = 0
        while position < text.count {
            let length = min(UTF8Character.length(leadByte: bytes[position]), text.count - position)
            let isMark = length == 3 && bytes[position] == 0xe2 && bytes[position + 1] == 0x96
                && bytes[position + 2] == 0x81
            if isMark, position > start {
                segments.append(segment(bytes, start..<position, vocabulary))
                start = position
            }
            position += length
        }
        if start < text.count { segments.append(segment(bytes, start..<text.count, vocabulary)) }
        return segments
    }

    private func segment(_ bytes: Span<UInt8>, _ range: Range<Int>, _ vocabulary: Vocabulary) -> Segment {
        Segment(end: range.upperBound, id: vocabulary.usableID(bytes, range))
    }
}
