import SentencePiece
import SentencePieceOracle
import Testing

/// Ids, pieces, offsets and decoded text are those of Python `sentencepiece` 0.2.3.
@Suite struct RecordedCaseTests {
    @Test func thereAreModelsOfEveryKind() throws {
        let types = try Fixtures.names.map { try Fixtures.tokenizer($0).modelType }
        #expect(types.count >= 8)
        #expect(Set(types) == [.unigram, .bytePairEncoding, .word, .character])
    }

    @Test(arguments: Fixtures.names) func equalsPython(_ name: String) throws {
        try compare(name)
    }

    @Test(.enabled(if: Fixtures.hasGemma, "needs models/base; run `make model`")) func gemmaEqualsPython() throws {
        try compare("gemma")
    }

    private func compare(_ name: String) throws {
        var comparison = CaseComparison()
        comparison.run(try Fixtures.tokenizer(name), try Fixtures.cases(name))
        #expect(comparison.total == 250)
        #expect(comparison.different == 0, "\(comparison.reports.joined(separator: "\n"))")
    }
}
