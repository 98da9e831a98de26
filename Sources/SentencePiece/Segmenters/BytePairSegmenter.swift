/// Byte pair encoding: starting from characters, the adjacent pair whose joined text is the piece of highest score is
/// merged, the leftmost among equals, until none is left.
///
/// USER_DEFINED pieces are found first and take no part in merging; merges that end in an UNUSED piece are undone.
/// Source: SentencePiece's bpe_model.cc.
///
/// No merge crosses a USER_DEFINED piece, nor the place between a byte and a space mark if no piece holds the two
/// side by side. So the text falls into chunks (words, mostly) that are merged one by one:
/// short ones by scanning, long ones with a heap.
///
/// Complexity: n log n for n characters, times the longest piece.
struct BytePairSegmenter: Sendable {
    /// For each byte, whether a new chunk may start at a space mark behind it.
    private let splitsBehind: [Bool]
    /// Chunks of at most so many characters are merged by scanning.
    private static let scanLimit = 32
    /// Bytes at the end of a chunk that is not all there yet, whose segments what follows may still change.
    ///
    /// What follows changes a segment only along a chain of neighbours, each merged before the one on its left: their
    /// scores rise from link to link. In text that is not made for it such chains are a few characters long.
    private static let openBytes = 1024

    init(_ vocabulary: Vocabulary) {
        // Undoing merges looks across chunks, see UnusedSplitter.
        splitsBehind =
            vocabulary.hasUnused ? [Bool](repeating: false, count: 256) : Self.bytesNeverJoinedToSpace(vocabulary)
    }

    /// The bytes that no piece that can come from merging has right before a space mark.
    private static func bytesNeverJoinedToSpace(_ vocabulary: Vocabulary) -> [Bool] {
        var result = [Bool](repeating: true, count: 256)
        let arena = vocabulary.arena.span
        for (id, type) in vocabulary.types.enumerated() where type == .normal || type == .unused {
            let range = vocabulary.range(id)
            for position in range.dropFirst() where arena[position] == 0xe2 {
                if isSpaceMark(arena, position, range.upperBound) { result[Int(arena[position - 1])] = false }
            }
        }
        return result
    }

    @inline(__always)
    private static func isSpaceMark(_ text: Span<UInt8>, _ position: Int, _ end: Int) -> Bool {
        end - position >= 3 && text[position] == 0xe2 && text[position + 1] == 0x96 && text[position + 2] == 0x81
    }

    /// - Parameter limit: stops behind the chunk with which there are so many segments, or inside a long one (see
    ///   `openBytes`). Chunks do not depend on what follows them, unless merges are undone: then all is split.
    func segments(
        _ text: borrowing NormalizedText, _ vocabulary: Vocabulary, limit: Int = .max
    ) -> [Segment] {
        let bytes = text.bytes.span
        let end = text.count
        let capacity = min(end / 3, limit) + 1
        var merger = PairMerger(scanLimit: vocabulary.hasUnused ? 0 : Self.scanLimit, capacity: capacity)
        // A chunk without an end, a megabyte of letters, is tried whenever it has become twice as long.
        var trial = vocabulary.hasUnused || limit > end ? Int.max : 3 * limit + Self.openBytes
        var position = 0
        while position < end {
            let frozen = vocabulary.userDefined.match(bytes, from: position, to: end)
            if frozen.length > 0 {
                merger.addFrozen(bytes, vocabulary, id: frozen.id, range: position..<position + frozen.length)
                if !vocabulary.hasUnused, merger.segments.count >= limit { return merger.segments }
                position += frozen.length
                continue
            }
            let length = min(UTF8Character.length(leadByte: bytes[position]), end - position)
            if position > 0, splitsBehind[Int(bytes[position - 1])], Self.isSpaceMark(bytes, position, end) {
                merger.mergeChunk(bytes, vocabulary, endingAt: position)
                if merger.segments.count >= limit { return merger.segments }
            }
            merger.addCharacter(startingAt: position)
            position += length
            guard merger.chunkLength >= trial else { continue }
            let segments = merger.segments(bytes, vocabulary, cutAt: position, until: position - Self.openBytes)
            if segments.count >= limit { return segments }
            trial *= 2
        }
        merger.mergeChunk(bytes, vocabulary, endingAt: end)
        guard vocabulary.hasUnused else { return merger.segments }
        return merger.unusedSplitter.split(merger.segments, bytes, vocabulary)
    }
}
