/// The way a model splits normalised text, chosen by its type.
enum Segmenter: Sendable {
    case unigram(UnigramSegmenter)
    case bytePair(BytePairSegmenter)
    case word(WordSegmenter)
    case character(CharacterSegmenter)

    init(_ type: ModelType, vocabulary: Vocabulary, userDefined: PrefixMatcher) throws(SentencePieceError) {
        self =
            switch type {
            case .unigram: .unigram(try UnigramSegmenter(vocabulary))
            case .bytePairEncoding: .bytePair(BytePairSegmenter(vocabulary, userDefined: userDefined))
            case .word: .word(WordSegmenter(vocabulary))
            case .character: .character(CharacterSegmenter(vocabulary, userDefined: userDefined))
            }
    }

    /// Splits the whole text; no segment is empty.
    func segments(_ text: borrowing NormalizedText) -> [Segment] {
        switch self {
        case .unigram(let segmenter): segmenter.segments(text)
        case .bytePair(let segmenter): segmenter.segments(text)
        case .word(let segmenter): segmenter.segments(text)
        case .character(let segmenter): segmenter.segments(text)
        }
    }
}
