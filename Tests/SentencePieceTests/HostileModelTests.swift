import Foundation
import Testing

@testable import SentencePiece

/// Model files that are wrong, each in one way (Tests/Fixtures/sentencepiece/hostile, made by
/// Tests/oracle/sentencepiece_hostile.py): each is refused with the error that says so.
@Suite struct HostileModelTests {
    struct Case: Decodable, CustomTestStringConvertible, Sendable {
        var path: String
        var error: String
        var testDescription: String { path }
    }

    static let cases: [Case] = (try? Data(contentsOf: URL(fileURLWithPath: Fixtures.path("hostile/cases.json"))))
        .flatMap { try? JSONDecoder().decode([Case].self, from: $0) } ?? []

    @Test(arguments: cases) func isRefused(_ hostile: Case) {
        let path = Fixtures.path("hostile/" + hostile.path)
        let error = #expect(throws: SentencePieceError.self) { try SentencePieceTokenizer(contentsOf: path) }
        guard let error else { return }
        #expect(Self.name(error) == hostile.error, "\(error)")
        #expect(!error.description.isEmpty)
    }

    /// What the wrong charsmaps were made from does load, and its rule applies.
    @Test func theSoundModelLoads() throws {
        let tokenizer = try SentencePieceTokenizer(contentsOf: Fixtures.modelPath("hostile/sound"))
        #expect(tokenizer.encode("xb") == tokenizer.encode("ab"))
    }

    /// Those without a file: what the path, the file's size or its number of pieces says, and ids to decode.
    @Test func everyErrorHasAFile() {
        let expected: Set = [
            "truncated", "varintTooLong", "invalidFieldNumber", "unsupportedWireType", "wrongWireType",
            "lengthOutOfRange", "unknownModelType", "unknownPieceType", "noPieces", "emptyPiece", "pieceTooLong",
            "pieceContainsNUL", "duplicatePiece", "scoreNotANumber", "scoreInfinite", "noUnknownPiece",
            "secondUnknownPiece", "bytePieceWithoutFallback", "invalidBytePiece", "missingBytePiece",
            "noSearchablePieces", "charsmapTooShort", "charsmapTrieOutOfRange", "charsmapTrieNotInBlocks",
            "charsmapNotTerminated", "charsmapUnitOutOfRange", "charsmapCycle", "charsmapKeyTooLong",
            "charsmapValueOutOfRange", "charsmapReplacementTooLong", "selfTestFailed",
        ]
        #expect(Set(Self.cases.map(\.error)) == expected)
    }

    private static func name(_ error: SentencePieceError) -> String {
        // A case without values has no children to be named by, and the type's description is its message.
        if case .noPieces = error { return "noPieces" }
        if case .noUnknownPiece = error { return "noUnknownPiece" }
        if case .noSearchablePieces = error { return "noSearchablePieces" }
        if case .charsmapNotTerminated = error { return "charsmapNotTerminated" }
        return Mirror(reflecting: error).children.first?.label ?? ""
    }
}
