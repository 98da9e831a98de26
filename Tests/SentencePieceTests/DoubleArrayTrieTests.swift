import SentencePieceOracle
import Testing

@testable import SentencePiece

/// The double array against a dictionary.
@Suite struct DoubleArrayTrieTests {
    @Test(arguments: [1, 10, 500, 20000]) func findsEveryKeyAndNothingElse(_ count: Int) throws {
        var generator = SplitMix64(state: UInt64(count))
        var keys: Set<[UInt8]> = []
        while keys.count < count {
            // Few letters make deep shared prefixes; any byte but NUL may occur.
            let letters: ClosedRange<UInt8> = keys.count % 3 == 0 ? 1...255 : 97...100
            keys.insert((0..<Int.random(in: 1...12, using: &generator)).map { _ in .random(in: letters, using: &generator) })
        }
        let sorted = keys.sorted { $0.lexicographicallyPrecedes($1) }
        var arena: [UInt8] = []
        var entries: [(range: Range<Int>, value: Int32)] = []
        for (value, key) in sorted.enumerated() {
            entries.append((arena.count..<arena.count + key.count, Int32(value)))
            arena += key
        }
        let trie = try #require(DoubleArrayTrieBuilder.build(entries, arena: arena))
        #expect(trie.depth(limit: 12) == .bytes(sorted.map(\.count).max() ?? 0))
        for (value, key) in sorted.enumerated() {
            let found = trie.longestPrefix(key.span, from: 0, to: key.count, limit: .max)
            #expect(found.length == key.count && found.value == Int32(value))
        }
        for _ in 0..<2000 {
            let text = (0..<14).map { _ in UInt8.random(in: 96...101, using: &generator) }
            let expected = (1...14).last { keys.contains(Array(text[..<$0])) } ?? 0
            #expect(trie.longestPrefix(text.span, from: 0, to: 14, limit: .max).length == expected)
        }
    }

    @Test func noKeysMakeNoTrie() { #expect(DoubleArrayTrieBuilder.build([], arena: []) == nil) }
}
