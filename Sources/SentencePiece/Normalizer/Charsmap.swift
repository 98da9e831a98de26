/// Compiled character replacement rules: a trie from source text to replacement text.
///
/// Layout: the trie's size in bytes (32-bit little-endian), a darts-clone double array of that size, and the
/// replacements, each ended by NUL. Source: `Normalizer::DecodePrecompiledCharsMap` of SentencePiece's normalizer.cc.
struct Charsmap: Sendable {
    /// Rules nested deeper than this are not seen, as in the reference implementation.
    private static let nestedLimit = 32
    /// The longest replacement accepted. NFKC's longest is 33 bytes; the bound keeps a hostile file from turning a
    /// short text into gigabytes.
    static let replacementLimit = 1024

    /// The longest text that a rule may replace. With the ban on cycles it bounds the work at each place of a text.
    static let keyLimit = 1024

    private let trie: DoubleArrayTrie
    /// The replacements, each ended by NUL.
    let replacements: [UInt8]

    /// Checks the whole blob, so that no look-up can leave it.
    init(_ blob: [UInt8]) throws(SentencePieceError) {
        guard blob.count > 4 else { throw .charsmapTooShort(bytes: blob.count) }
        let bytes = blob.span
        let trieSize = Int(bytes.littleEndian32(at: 0))
        guard trieSize < blob.count - 4 else {
            throw .charsmapTrieOutOfRange(bytes: trieSize, available: blob.count - 4)
        }
        guard trieSize >= 1024, trieSize % 1024 == 0 else { throw .charsmapTrieNotInBlocks(bytes: trieSize) }
        replacements = Array(blob[(4 + trieSize)...])
        guard replacements.last == 0 else { throw .charsmapNotTerminated }
        var run = 0
        for byte in replacements {
            run = byte == 0 ? 0 : run + 1
            guard run <= Self.replacementLimit else {
                throw .charsmapReplacementTooLong(bytes: run, limit: Self.replacementLimit)
            }
        }
        var units = [UInt32](repeating: 0, count: trieSize / 4)
        for index in units.indices { units[index] = bytes.littleEndian32(at: 4 + index * 4) }
        trie = DoubleArrayTrie(validated: units)
        try Self.validate(units, replacementBytes: replacements.count)
        switch trie.depth(limit: Self.keyLimit) {
        case .bytes: break
        case .cycle(let unit): throw .charsmapCycle(unit: unit)
        case .beyondLimit: throw .charsmapKeyTooLong(limit: Self.keyLimit)
        }
    }

    /// The longest rule that applies at `start`.
    /// - Returns: how many bytes it replaces (0 if no rule applies) and where its replacement starts.
    @inline(__always)
    func match(_ text: Span<UInt8>, from start: Int, to end: Int) -> (length: Int, replacement: Int) {
        let found = trie.longestPrefix(text, from: start, to: end, limit: Self.nestedLimit)
        return (found.length, Int(found.value))
    }

    /// The checks of `DoubleArrayImpl::validate` in SentencePiece's darts.h: the children of every inner unit lie
    /// inside the array, and what should be a value is one.
    private static func validate(_ units: [UInt32], replacementBytes: Int) throws(SentencePieceError) {
        let root = units[0]
        guard root & 0x8000_01ff == 0, root.childOffset != 0, Int(root.childOffset | 0xff) < units.count else {
            throw .charsmapUnitOutOfRange(unit: 0)
        }
        for (index, unit) in units.enumerated().dropFirst() {
            if unit & 0x8000_0000 == 0 {
                let children = UInt32(index) ^ unit.childOffset
                guard Int(children | 0xff) < units.count else { throw .charsmapUnitOutOfRange(unit: index) }
                guard unit & 0x100 == 0 || units[Int(children)] & 0x8000_0000 != 0 else {
                    throw .charsmapUnitOutOfRange(unit: index)
                }
            } else {
                let value = Int(unit & 0x7fff_ffff)
                guard value < replacementBytes else {
                    throw .charsmapValueOutOfRange(unit: index, value: value, available: replacementBytes)
                }
            }
        }
    }
}
