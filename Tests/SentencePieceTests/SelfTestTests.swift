import SentencePiece
import Testing

/// Samples in the model are run when it is loaded.
@Suite struct SelfTestTests {
    @Test func passingSamplesLoad() throws {
        var builder = ModelBuilder(.bytePairEncoding, "a", "b", "ab")
        builder.selfTests = [("ab", "ab"), ("ba", "b a"), ("", "")]
        #expect(builder.failure == nil)
    }

    @Test func failingSampleIsNamed() {
        for type in [ModelType.bytePairEncoding, .unigram] {
            var builder = ModelBuilder(type, "a", "b", "ab")
            builder.selfTests = [("ba", "b a"), ("bb", "a a")]
            #expect(builder.failure == .selfTestFailed(sample: 1, expected: "a a", found: "b b"))
        }
    }

    @Test func unigramMaySplitDifferentlyAtTheSameScore() {
        // -4 = "ab" + "c" = -3 + -1, and "a" + "bc" = -2 + -2.
        var builder = ModelBuilder(.unigram)
        for (text, score) in [("ab", -3), ("c", -1), ("a", -2), ("bc", -2)] as [(String, Float)] {
            builder.add(text, score: score)
        }
        builder.selfTests = [("abc", "ab c"), ("abc", "a bc")]
        #expect(builder.failure == nil)
        builder.selfTests.append(("abc", "a b c"))
        #expect(builder.failure != nil)
    }
}
