/// Splits text into the pieces of highest total score (log probability) by the Viterbi algorithm.
///
/// The scores, their 32-bit arithmetic, the order of comparisons and so the winner among equals are those of
/// `EncodeOptimized` in SentencePiece's unigram_model.cc.
///
/// Complexity: the text's bytes times the longest piece.
struct UnigramSegmenter: Sendable {
    /// How far below the worst piece unknown text scores (`kUnkPenalty`).
    static let unknownPenalty: Float = 10
    /// Scores are shifted back to zero beyond this, to keep their precision (`kScoreResetThreshold`).
    static let scoreLimit: Float = 100_000

    private let trie: DoubleArrayTrie
    /// The score of one character that no piece covers.
    let unknownScore: Float

    init(_ vocabulary: Vocabulary) throws(SentencePieceError) {
        var lowest = Float.greatestFiniteMagnitude
        for (type, score) in zip(vocabulary.types, vocabulary.scores) where type == .normal {
            lowest = min(lowest, score)
        }
        unknownScore = lowest - Self.unknownPenalty
        guard let trie = DoubleArrayTrieBuilder.build(vocabulary.sortedSearchableKeys(), arena: vocabulary.arena) else {
            throw .noSearchablePieces
        }
        self.trie = trie
    }

    /// What a USER_DEFINED piece of so many bytes scores: above every path of other pieces, longer ones first.
    static func userDefinedScore(length: Int) -> Float { Float(0.1 * Double(length - 1)) }

    /// The best way to reach an offset.
    private struct Node {
        var id: Int32 = -1
        var score: Float = 0
        /// Where its last piece starts; -1 if the offset is not reached.
        var start = -1
    }

    func segments(_ text: borrowing NormalizedText, _ vocabulary: Vocabulary) -> [Segment] {
        let size = text.count
        guard size > 0 else { return [] }
        let bytes = text.bytes.span
        let units = trie.units.span
        let scores = vocabulary.scores.span
        let types = vocabulary.types.span
        var best = [Node](repeating: Node(), count: size + 1)
        var frontier = 0
        var start = 0
        while start < size {
            if abs(best[start].score) > Self.scoreLimit { Self.shift(&best, start, frontier) }
            let scoreHere = best[start].score
            let character = min(UTF8Character.length(leadByte: bytes[start]), size - start)
            var coversCharacter = false
            var cursor = DoubleArrayTrie.root(units)
            var position = start
            var id: Int32 = -1
            while position < size, DoubleArrayTrie.step(&cursor, bytes[position], &id, units) {
                position += 1
                guard id >= 0 else { continue }
                let type = types[Int(id)]
                guard type != .unused else { continue }
                frontier = max(frontier, position)
                let length = position - start
                let score = type == .userDefined ? Self.userDefinedScore(length: length) : scores[Int(id)]
                Self.offer(&best[position], id, score + scoreHere, start)
                if length == character { coversCharacter = true }
            }
            if !coversCharacter {
                let end = start + character
                frontier = max(frontier, end)
                Self.offer(&best[end], vocabulary.unknownID, unknownScore + scoreHere, start)
            }
            start += character
        }
        var segments: [Segment] = []
        var end = size
        while end > 0 {
            segments.append(Segment(end: end, id: best[end].id))
            end = best[end].start
        }
        segments.reverse()
        return segments
    }

    @inline(__always)
    private static func offer(_ node: inout Node, _ id: Int32, _ score: Float, _ start: Int) {
        if node.start == -1 || score > node.score { node = Node(id: id, score: score, start: start) }
    }

    /// Moves the scores from `start` on so that the one there is zero.
    private static func shift(_ best: inout [Node], _ start: Int, _ frontier: Int) {
        let offset = best[start].score
        for index in start...max(start, frontier) where index == start || best[index].start != -1 {
            best[index].score -= offset
        }
        best[start].score = 0
    }
}
