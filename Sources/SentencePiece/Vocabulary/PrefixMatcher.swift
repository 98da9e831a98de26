/// Finds the USER_DEFINED piece at a place in a text: the longest one, wherever it occurs.
struct PrefixMatcher: Sendable {
    /// Matches beyond this many nested ones are not seen, as in the reference implementation.
    private static let nestedLimit = 64

    private let trie: DoubleArrayTrie?
    /// Whether some piece starts with the byte: most places are ruled out without walking the trie.
    private let isFirstByte: [Bool]
    /// Whether every piece is well-formed UTF-8, so that no match can cut a character in two.
    let isWellFormed: Bool

    /// - Parameters:
    ///   - pieces: the ranges of `arena` to find, with their ids.
    init(_ pieces: [(range: Range<Int>, value: Int32)], arena: [UInt8]) {
        var isFirstByte = [Bool](repeating: false, count: 256)
        for piece in pieces { isFirstByte[Int(arena[piece.range.lowerBound])] = true }
        self.isFirstByte = isFirstByte
        isWellFormed = pieces.allSatisfy { UTF8Character.isWellFormed(arena.span, $0.range) }
        trie = DoubleArrayTrieBuilder.build(DoubleArrayTrieBuilder.sorted(pieces, arena: arena), arena: arena)
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
