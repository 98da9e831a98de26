/// The way a model splits normalised text, chosen by its type.
enum Segmenter: Sendable {
    case unigram(UnigramSegmenter)
    case bytePair(BytePairSegmenter)
    case word(WordSegmenter)
    case character(CharacterSegmenter)

    init(_ type: ModelType, _ vocabulary: Vocabulary) throws(SentencePieceError) {
        self =
            switch type {
            case .unigram: .unigram(try UnigramSegmenter(vocabulary))
            case .bytePairEncoding: .bytePair(BytePairSegmenter(vocabulary))
            case .word: .word(WordSegmenter())
            case .character: .character(CharacterSegmenter())
            }
    }

    /// Splits the text; no segment is empty.
    /// - Parameter limit: segments behind these need not be found; those before are as they are without a limit.
    func segments(
        _ text: borrowing NormalizedText, _ vocabulary: Vocabulary, limit: Int = .max
    ) -> [Segment] {
        switch self {
        case .unigram(let segmenter): segmenter.segments(text, vocabulary)
        case .bytePair(let segmenter): segmenter.segments(text, vocabulary, limit: limit)
        case .word(let segmenter): segmenter.segments(text, vocabulary)
        case .character(let segmenter): segmenter.segments(text, vocabulary)
        }
    }
}
