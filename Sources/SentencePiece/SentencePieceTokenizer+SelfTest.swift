extension SentencePieceTokenizer {
    /// How far the scores of two ways to split a sample may differ to count as equal (`kEpsilon` of unigram_model.cc).
    private static let scoreTolerance: Float = 1e-7

    /// Encodes the samples that the model carries and compares the pieces, joined by spaces, with the recorded ones.
    ///
    /// A unigram model may split differently if the score is the same, as in releases of SentencePiece that ran this
    /// test (`VerifyOutputsEquivalent`; release 0.2.3 no longer reads the samples).
    /// - Throws: ``SentencePieceError/selfTestFailed(sample:expected:found:)``.
    func runSelfTest(_ samples: [ModelProto.SelfTestSample]) throws(SentencePieceError) {
        for (index, sample) in samples.enumerated() {
            let found = encodePieces(bytes: sample.input).map(\.bytes)
            let joined = Array(found.joined(separator: [0x20]))
            let expected = sample.expected
            if joined == expected { continue }
            if modelType == .unigram {
                let pieces = expected.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
                if abs(score(pieces) - score(found)) <= Self.scoreTolerance { continue }
            }
            throw .selfTestFailed(
                sample: index, expected: String(decoding: expected, as: UTF8.self),
                found: String(decoding: joined, as: UTF8.self))
        }
    }

    /// The total score of a way to split a text into unigram pieces.
    private func score(_ pieces: [[UInt8]]) -> Float {
        guard case .unigram(let segmenter) = segmenter else { return 0 }
        return pieces.reduce(0) { total, piece in
            let id = vocabulary.id(of: piece)
            if id < 0 || id == vocabulary.unknownID { return total + segmenter.unknownScore }
            if vocabulary.types[Int(id)] == .userDefined {
                return total + UnigramSegmenter.userDefinedScore(length: piece.count)
            }
            return total + vocabulary.scores[Int(id)]
        }
    }
}
