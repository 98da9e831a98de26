import SentencePiece
import Testing

/// What recorded cases do not reach: ids that no text gives.
@Suite struct DecodingTests {
    @Test func idsOutsideTheVocabulary() throws {
        let tokenizer = try ModelBuilder(.bytePairEncoding, "a").tokenizer()
        for id in [-1, 2, .max, .min] as [Int32] {
            #expect(throws: SentencePieceError.invalidID(id, vocabularySize: 2)) { try tokenizer.decode([1, id]) }
            #expect(tokenizer.type(of: id) == nil && tokenizer.piece(of: id) == nil && tokenizer.score(of: id) == nil)
        }
    }

    @Test func marksAreNothing() throws {
        var builder = ModelBuilder(.bytePairEncoding, "a", "▁b")
        builder.add("<s>", .control)
        builder.addsDummyPrefix = true
        let tokenizer = try builder.tokenizer()
        #expect(tokenizer.bosID == 3)
        #expect(try tokenizer.decode([3, 2, 1, 3, 2]) == "ba b")
    }

    @Test func bytePiecesJoinToCharacters() throws {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.hasByteFallback = true
        builder.addBytePieces()
        let tokenizer = try builder.tokenizer()
        let ids = "é€😀".utf8.map { Int32($0) + 2 }
        #expect(tokenizer.encode("é€😀") == ids)
        #expect(try tokenizer.decode(ids) == "é€😀")
        // A cut character gives one U+FFFD a byte, also in front of another piece.
        #expect(try tokenizer.decode([0xf0 + 2, 0x9f + 2, 1, 0x80 + 2]) == "\u{fffd}\u{fffd}a\u{fffd}")
    }

    @Test func unknownPieceHasItsSurface() throws {
        let tokenizer = try ModelBuilder(.bytePairEncoding, "a").tokenizer()
        #expect(tokenizer.encode("xyz") == [0])
        #expect(try tokenizer.decode([1, 0, 1]) == "a \u{2047} a")
    }

    @Test func nothingIsNothing() throws {
        let tokenizer = try ModelBuilder(.unigram, "a").tokenizer()
        #expect(tokenizer.encode("").isEmpty && tokenizer.encodePieces("").isEmpty)
        #expect(try tokenizer.decode([]).isEmpty)
    }
}
