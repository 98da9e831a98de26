/// Finds the USER_DEFINED piece at a place in a text: the longest one, wherever it occurs.
struct PrefixMatcher: Sendable {
    /// Matches beyond this many nested ones are not seen, as in the reference implementation.
    private static let nestedLimit = 64

    private let trie: DoubleArrayTrie?
    /// Whether some piece starts with the byte: most places are ruled out without walking the trie.
    private let isFirstByte: [Bool]
    /// Whether every piece is well-formed UTF-8, so that no match can cut a character in two.
    let isWellFormed: Bool

    /// - Parameter vocabulary: its USER_DEFINED pieces are the ones to find.
    init(_ vocabulary: Vocabulary) {
        var keys: [(range: Range<Int>, value: Int32)] = []
        var isFirstByte = [Bool](repeating: false, count: 256)
        var isWellFormed = true
        for id in vocabulary.userDefinedIDs {
            let range = vocabulary.range(id)
            keys.append((range, Int32(id)))
            isFirstByte[Int(vocabulary.arena[range.lowerBound])] = true
            isWellFormed = isWellFormed && UTF8Character.isWellFormed(vocabulary.arena.span, range)
        }
        keys.sort { vocabulary.arena[$0.range].lexicographicallyPrecedes(vocabulary.arena[$1.range]) }
        trie = DoubleArrayTrieBuilder.build(keys, arena: vocabulary.arena)
        self.isFirstByte = isFirstByte
        self.isWellFormed = isWellFormed
    }

    /// Whether there is anything to find.
    var isEmpty: Bool { trie == nil }

    /// The length and id of the piece that starts at `start`; length 0 if there is none.
    @inline(__always)
    func match(_ text: Span<UInt8>, from start: Int, to end: Int) -> (length: Int, id: Int32) {
        guard isFirstByte[Int(text[start])], let trie else { return (0, -1) }
        let found = trie.longestPrefix(text, from: start, to: end, limit: Self.nestedLimit)
        return (found.length, found.value)
    }
}
