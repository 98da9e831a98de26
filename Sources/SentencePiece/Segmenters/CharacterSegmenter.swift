/// One piece a character, except where a USER_DEFINED piece occurs. Source: SentencePiece's char_model.cc.
struct CharacterSegmenter: Sendable {
    func segments(_ text: borrowing NormalizedText, _ vocabulary: Vocabulary) -> [Segment] {
        var segments: [Segment] = []
        let bytes = text.bytes.span
        var position = 0
        while position < text.count {
            var length = vocabulary.userDefined.match(bytes, from: position, to: text.count).length
            if length == 0 { length = min(UTF8Character.length(leadByte: bytes[position]), text.count - position) }
            let range = position..<position + length
            segments.append(Segment(end: range.upperBound, id: vocabulary.usableID(bytes, range)))
            position = range.upperBound
        }
        return segments
    }
}
