/// Byte pair encoding: starting from characters, the adjacent pair whose joined text is the piece of highest score is
/// merged, the leftmost among equals, until none is left.
///
/// USER_DEFINED pieces are found first and take no part in merging; merges that end in an UNUSED piece are undone.
/// Source: SentencePiece's bpe_model.cc.
///
/// No merge crosses a USER_DEFINED piece, nor, unless some piece holds a space mark behind other text, the place
/// between other text and a space mark. So the text falls into chunks (words, mostly) that are merged one by one:
/// short ones by scanning, long ones with a heap.
///
/// Complexity: n log n for n characters, times the longest piece.
struct BytePairSegmenter: Sendable {
    let vocabulary: Vocabulary
    let userDefined: PrefixMatcher
    /// Whether a new chunk may start at a space mark that follows other text.
    private let splitsAtSpaces: Bool
    /// Chunks of at most so many characters are merged by scanning.
    private static let scanLimit = 32

    init(_ vocabulary: Vocabulary, userDefined: PrefixMatcher) {
        self.vocabulary = vocabulary
        self.userDefined = userDefined
        // Undoing merges looks across chunks, see UnusedSplitter.
        splitsAtSpaces = !vocabulary.hasUnused && !Self.holdsSpaceBehindText(vocabulary)
    }

    /// Whether some piece that can come from merging has a space mark behind anything else.
    private static func holdsSpaceBehindText(_ vocabulary: Vocabulary) -> Bool {
        let arena = vocabulary.arena.span
        for (id, type) in vocabulary.types.enumerated() where type == .normal || type == .unused {
            let range = vocabulary.range(id)
            var position = range.lowerBound
            var behindText = false
            while position < range.upperBound {
                if arena[position] == 0xe2, isSpaceMark(arena, position, range.upperBound) {
                    if behindText { return true }
                    position += 3
                } else {
                    behindText = true
                    position += 1
                }
            }
        }
        return false
    }

    @inline(__always)
    private static func isSpaceMark(_ text: Span<UInt8>, _ position: Int, _ end: Int) -> Bool {
        end - position >= 3 && text[position] == 0xe2 && text[position + 1] == 0x96 && text[position + 2] == 0x81
    }

    func segments(_ text: borrowing NormalizedText) -> [Segment] {
        let bytes = text.bytes.span
        let end = text.count
        var merger = PairMerger(vocabulary, scanLimit: Self.scanLimit)
        merger.segments.reserveCapacity(end / 3 + 1)
        var position = 0
        var behindText = false
        while position < end {
            let frozen = userDefined.match(bytes, from: position, to: end)
            if frozen.length > 0 {
                merger.addFrozen(bytes, id: frozen.id, range: position..<position + frozen.length)
                position += frozen.length
                behindText = false
                continue
            }
            let length = min(UTF8Character.length(leadByte: bytes[position]), end - position)
            if Self.isSpaceMark(bytes, position, end) {
                if behindText, splitsAtSpaces { merger.mergeChunk(bytes, endingAt: position) }
                behindText = false
            } else {
                behindText = true
            }
            merger.addCharacter(startingAt: position)
            position += length
        }
        merger.mergeChunk(bytes, endingAt: end)
        guard vocabulary.hasUnused else { return merger.segments }
        return merger.unusedSplitter.split(merger.segments, bytes, vocabulary)
    }
}
