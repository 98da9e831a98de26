import Testing

@testable import SentencePiece

/// Replacement rules that are malformed each have their error; none can lead a look-up outside the rules.
@Suite struct CharsmapTests {
    /// The double array of one rule, and its replacements.
    private static func blob(_ key: String, _ replacement: String, change: (inout [UInt32]) -> Void = { _ in }) -> [UInt8] {
        let arena = Array(key.utf8)
        var units = DoubleArrayTrieBuilder.build([(0..<arena.count, 0)], arena: arena)?.units ?? []
        change(&units)
        return blob(units, Array(replacement.utf8) + [0])
    }

    private static func blob(_ units: [UInt32], _ replacements: [UInt8]) -> [UInt8] {
        ModelBuilder.little(UInt32(units.count * 4)) + units.flatMap(ModelBuilder.little) + replacements
    }

    private func failure(_ charsmap: [UInt8]) -> SentencePieceError? {
        var builder = ModelBuilder(.bytePairEncoding, "a", "b")
        builder.charsmap = charsmap
        return builder.failure
    }

    @Test func soundRuleApplies() throws {
        var builder = ModelBuilder(.bytePairEncoding, "a", "b")
        builder.charsmap = Self.blob("xy", "ab")
        let tokenizer = try builder.tokenizer()
        #expect(tokenizer.encode("xya") == [1, 2, 1])
        #expect(tokenizer.encodePieces("xya").map(\.range) == [0..<0, 0..<2, 2..<3])
    }

    @Test func tooShort() {
        #expect(failure([1, 2, 3]) == .charsmapTooShort(bytes: 3))
        #expect(failure([0, 4, 0, 0]) == .charsmapTooShort(bytes: 4))
    }

    @Test func trieLargerThanTheBlob() {
        var blob = Self.blob("x", "a")
        let available = blob.count - 4
        blob.replaceSubrange(0..<4, with: ModelBuilder.little(.max))
        #expect(failure(blob) == .charsmapTrieOutOfRange(bytes: Int(UInt32.max), available: available))
    }

    @Test(arguments: [0, 512, 1020, 1025] as [UInt32]) func trieNotInBlocks(_ size: UInt32) {
        var blob = Self.blob("x", "a") + [UInt8](repeating: 0, count: 64)
        blob.replaceSubrange(0..<4, with: ModelBuilder.little(size))
        #expect(failure(blob) == .charsmapTrieNotInBlocks(bytes: Int(size)))
    }

    @Test func replacementsNotTerminated() {
        #expect(failure(Array(Self.blob("x", "a").dropLast())) == .charsmapNotTerminated)
    }

    @Test func rootIsNoRoot() {
        #expect(failure(Self.blob("x", "a") { $0[0] = 0x8000_0000 | (0x0020_0000 << 10) }) == .charsmapUnitOutOfRange(unit: 0))
        #expect(failure(Self.blob("x", "a") { $0[0] = 0 }) == .charsmapUnitOutOfRange(unit: 0))
        #expect(failure(Self.blob("x", "a") { $0[0] |= 0x100 }) == .charsmapUnitOutOfRange(unit: 0))
    }

    @Test func unitLeadsOutside() {
        #expect(
            failure(Self.blob("x", "a") { $0[7] = 0x0010_0000 << 10 }) == .charsmapUnitOutOfRange(unit: 7))
    }

    @Test func leafIsNoLeaf() {
        // Unit 7 claims a value below it where an inner unit stands.
        #expect(
            failure(Self.blob("x", "a") { units in
                units[7] = 0x100
                units[8] = 0
            }) == .charsmapUnitOutOfRange(unit: 7))
    }

    @Test func valueBeyondTheReplacements() {
        #expect(
            failure(Self.blob("x", "a") { $0[9] = 0xffff_ffff })
                == .charsmapValueOutOfRange(unit: 9, value: 0x7fff_ffff, available: 2))
    }

    @Test func cycle() {
        // The root's child for byte 0x78 has itself as its child for that byte.
        var units = [UInt32](repeating: 0x8000_0000, count: 256)
        units[0] = 1 << 10
        units[0x79] = 0x78 | 0x78 << 10
        #expect(failure(Self.blob(units, [0x61, 0])) == .charsmapCycle(unit: 0x79))
    }

    @Test func keyTooLong() {
        let text = String(repeating: "x", count: Charsmap.keyLimit + 1)
        #expect(failure(Self.blob(text, "a")) == .charsmapKeyTooLong(limit: 1024))
        #expect(failure(Self.blob(String(text.dropLast()), "a")) == nil)
    }

    @Test func sharedEndsAreNoCycle() {
        // Bytes 0x10 and 0x11 lead to units with the same children, of which 0x20 ends a rule.
        var units = [UInt32](repeating: 0x8000_0000, count: 512)
        units[0] = 1 << 10
        units[0x11] = 0x10 | UInt32(0x11 ^ 0x100) << 10
        units[0x10] = 0x11 | UInt32(0x10 ^ 0x100) << 10
        units[0x120] = 0x20 | 0x100 | UInt32(0x120 ^ 0x180) << 10
        units[0x180] = 0x8000_0000
        #expect(DoubleArrayTrie(validated: units).depth(limit: 10) == .bytes(2))
        #expect(failure(Self.blob(units, [0x61, 0])) == nil)
    }

    @Test func replacementTooLong() {
        let text = String(repeating: "a", count: Charsmap.replacementLimit + 1)
        #expect(failure(Self.blob("x", text)) == .charsmapReplacementTooLong(bytes: 1025, limit: 1024))
        #expect(failure(Self.blob("x", String(text.dropLast()))) == nil)
    }

    @Test func denormalizerIsCheckedToo() {
        var builder = ModelBuilder(.bytePairEncoding, "a", "b")
        builder.denormalizerCharsmap = Array("abc".utf8)
        #expect(builder.failure == .charsmapTooShort(bytes: 3))
    }
}
