import FileAccess
import Foundation
import TestSupport
import Testing

@testable import SentencePiece

/// Every way in which a vocabulary can be unsound has its error.
@Suite struct VocabularyTests {
    @Test func soundModelsOfEveryTypeLoad() throws {
        for type in [ModelType.unigram, .bytePairEncoding, .word, .character] {
            let tokenizer = try ModelBuilder(type, "a", "b", "ab").tokenizer()
            #expect(tokenizer.vocabularySize == 4)
            #expect(tokenizer.unknownID == 0)
            #expect(tokenizer.bosID == nil && tokenizer.eosID == nil && tokenizer.padID == nil)
        }
    }

    @Test func emptyPiece() {
        #expect(ModelBuilder(.bytePairEncoding, "a", "").failure == .emptyPiece(id: 2))
    }

    @Test func pieceTooLong() {
        let text = String(repeating: "a", count: 8000)
        #expect(ModelBuilder(.unigram, text).failure == .pieceTooLong(id: 1, bytes: 8000, limit: 7999))
        #expect(ModelBuilder(.unigram, String(text.dropLast())).failure == nil)
    }

    @Test func pieceContainsNUL() {
        #expect(ModelBuilder(.unigram, "a\0b").failure == .pieceContainsNUL(id: 1))
        #expect(ModelBuilder(.unigram, "\0").failure == .pieceContainsNUL(id: 1))
    }

    @Test func loneNULBesideByteFallbackIsNeverUsed() throws {
        var builder = ModelBuilder(.unigram, "a", "\0")
        builder.hasByteFallback = true
        builder.addBytePieces()
        let tokenizer = try builder.tokenizer()
        #expect(tokenizer.type(of: 2) == .unused)
        #expect(tokenizer.encode("a\0") == [1, 3])
    }

    @Test func duplicatePieces() {
        #expect(ModelBuilder(.unigram, "a", "b", "a").failure == .duplicatePiece(id: 3, firstID: 1))
        var builder = ModelBuilder(.unigram, "a")
        builder.add("<s>", .control)
        builder.add("<s>", .control)
        #expect(builder.failure == .duplicatePiece(id: 3, firstID: 2))
    }

    @Test func sameTextInTwoTypesIsRefusedInBPEOnly() {
        for (type, error) in [
            (ModelType.bytePairEncoding, SentencePieceError.duplicatePiece(id: 2, firstID: 1)), (.unigram, nil),
            (.word, nil), (.character, nil),
        ] as [(ModelType, SentencePieceError?)] {
            var builder = ModelBuilder(type, "<s>")
            builder.add("<s>", .control)
            #expect(builder.failure == error)
        }
    }

    @Test func scoresThatAreNoNumbers() {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.add("b", score: .nan)
        #expect(builder.failure == .scoreNotANumber(id: 2))
        builder.modelType = 1
        #expect(builder.failure == .scoreNotANumber(id: 2))
    }

    @Test func infiniteScoresAreRefusedInUnigramOnly() {
        var builder = ModelBuilder(.unigram, "a")
        builder.add("b", score: -.infinity)
        #expect(builder.failure == .scoreInfinite(id: 2))
        builder.modelType = 2
        #expect(builder.failure == nil)
    }

    @Test func noUnknownPiece() {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.pieces.removeFirst()
        #expect(builder.failure == .noUnknownPiece)
    }

    @Test func secondUnknownPiece() {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.add("<unk2>", .unknown)
        #expect(builder.failure == .secondUnknownPiece(id: 2, firstID: 0))
    }

    @Test func bytePieceWithoutFallback() {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.addBytePieces(0x41...0x41)
        #expect(builder.failure == .bytePieceWithoutFallback(id: 2))
    }

    @Test(arguments: ["<0x4G>", "<0x4a>", "<0x041>", "0x41", "<0x41", "<0X41>"]) func invalidBytePiece(_ text: String) {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.hasByteFallback = true
        builder.add(text, .byte)
        #expect(builder.failure == .invalidBytePiece(id: 2))
    }

    @Test func missingBytePiece() {
        var builder = ModelBuilder(.bytePairEncoding, "a")
        builder.hasByteFallback = true
        builder.addBytePieces(0...0x7f)
        #expect(builder.failure == .missingBytePiece(byte: 0x80))
    }

    @Test func unigramWithoutPiecesToFind() {
        #expect(ModelBuilder(.unigram).failure == .noSearchablePieces)
        #expect(ModelBuilder(.word).failure == nil)
    }

    @Test func unknownTypes() {
        var builder = ModelBuilder(.unigram, "a")
        builder.pieces[1].type = 9
        #expect(builder.failure == .unknownPieceType(id: 1, value: 9))
        builder = ModelBuilder(.unigram, "a")
        builder.modelType = 0
        #expect(builder.failure == .unknownModelType(value: 0))
    }

    @Test func filesThatCannotBeRead() throws {
        #expect(throws: SentencePieceError.file(.notFound(path: "/nonexistent/tokenizer.model"))) {
            try SentencePieceTokenizer(contentsOf: "/nonexistent/tokenizer.model")
        }
        #expect(throws: SentencePieceError.file(.notARegularFile(path: "/"))) {
            try SentencePieceTokenizer(contentsOf: "/")
        }
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(throws: SentencePieceError.file(.notARegularFile(path: pipe))) {
            try SentencePieceTokenizer(contentsOf: pipe)
        }
    }

    @Test func aFileBeyondTheLimitIsNotRead() throws {
        let folder = try TemporaryFolder()
        let file = folder.url("large.model")
        try folder.write("large.model", "")
        // Without content on the disk: the size alone counts.
        let handle = try FileHandle(forWritingTo: file)
        try handle.truncate(atOffset: UInt64(ModelProto.fileLimit) + 1)
        try handle.close()
        let limit = ModelProto.fileLimit
        let error = FileError.overLimit(path: file.path, bytes: limit + 1, limit: limit)
        #expect(throws: SentencePieceError.file(error)) { try SentencePieceTokenizer(contentsOf: file.path) }
    }

    @Test func morePiecesThanTheLimitAreRefused() {
        // The shortest piece there is: a field of no bytes.
        let pieces = [UInt8](unsafeUninitializedCapacity: 2 * (ModelProto.pieceLimit + 1)) { buffer, count in
            for index in buffer.indices { buffer[index] = index % 2 == 0 ? 0x0a : 0 }
            count = buffer.count
        }
        #expect(
            SentencePieceTests.failure(pieces)
                == .tooManyPieces(count: ModelProto.pieceLimit + 1, limit: ModelProto.pieceLimit))
    }

    @Test func truncatedModelsNeverLoadAsTheWhole() throws {
        var builder = ModelBuilder(.bytePairEncoding, "a", "b", "ab")
        builder.add("<s>", .control)
        let whole = builder.serialized
        for count in 0..<whole.count {
            // Cut between two fields, a model may be sound, but then it lacks what was cut.
            if let tokenizer = try? SentencePieceTokenizer(bytes: Array(whole[..<count])) {
                #expect(tokenizer.vocabularySize < 5 || count < whole.count)
            }
        }
        #expect(SentencePieceTests.failure(Array(whole.dropLast())) != nil)
    }
}

/// The error that loading `bytes` gives.
func failure(_ bytes: [UInt8]) -> SentencePieceError? {
    do {
        _ = try SentencePieceTokenizer(bytes: bytes)
        return nil
    } catch { return error }
}
