import SentencePieceOracle
import Testing

@testable import SentencePiece

/// The fast segmenters and their plain twins choose the same pieces.
@Suite struct ReferenceSegmenterTests {
    @Test(arguments: Fixtures.names) func equalOnRecordedAndRandomTexts(_ name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let reference = ReferenceSegmenter(tokenizer.vocabulary)
        var texts = Array(try Fixtures.cases(name)).map(\.text)
        var generator = SplitMix64(state: 17)
        let alphabet = ["a", "b", "e", "n", "t", "i", "the", " ", "▁", "  ", "ing", "日", "é", "\n", "0", "<h1>", "😀"]
        for _ in 0..<300 {
            let count = Int.random(in: 1...60, using: &generator)
            let letters = (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
            texts.append(Array(letters.joined().utf8))
        }
        var compared = 0
        for text in texts {
            let normalized = tokenizer.normalizer.normalize(text.span)
            let bytes = Array(normalized.bytes[..<normalized.count])
            let expected =
                switch tokenizer.modelType {
                case .bytePairEncoding: reference.bytePairSegments(bytes)
                case .unigram: reference.unigramSegments(bytes)
                // These two are plain as they are.
                case .word, .character: tokenizer.segmenter.segments(normalized, tokenizer.vocabulary)
                }
            #expect(tokenizer.segmenter.segments(normalized, tokenizer.vocabulary) == expected, "\(text)")
            compared += 1
        }
        #expect(compared == 550)
    }

    /// Words around the length where merging goes over from scanning to the heap.
    @Test func equalOnBothSidesOfTheScanLimit() throws {
        for name in Fixtures.names where name.hasPrefix("bpe") {
            let tokenizer = try Fixtures.tokenizer(name)
            let reference = ReferenceSegmenter(tokenizer.vocabulary)
            var generator = SplitMix64(state: 5)
            for count in Array(1...70) + [200, 700] {
                let letters = Array("etaoinsh".utf8)
                let text = (0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
                let segments = tokenizer.segmenter.segments(NormalizedText(padding: text), tokenizer.vocabulary)
                #expect(segments == reference.bytePairSegments(text), "\(name) \(count)")
            }
        }
    }
}
