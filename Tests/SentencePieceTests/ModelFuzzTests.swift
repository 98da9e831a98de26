import Foundation
import SentencePieceOracle
import Testing

/// A few thousand damaged models; `tokenizer-harness fuzz` runs as many as wanted.
@Suite struct ModelFuzzTests {
    @Test func damagedModelsAreRefusedOrWork() throws {
        let names = ["unigram-rules", "bpe-identity-bytes", "bpe-unused", "char-rules", "word-identity"]
        let models = try names.map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.modelPath($0)))) }
        var fuzzer = ModelFuzzer(models: models, seed: 2024)
        for _ in 0..<5000 { fuzzer.step() }
        #expect(fuzzer.outcome.faults.isEmpty, "\(fuzzer.outcome.faults.joined(separator: "\n"))")
        // Both ways must have been gone often, or the damage is too weak or too strong to find anything.
        #expect(fuzzer.outcome.refused > 500 && fuzzer.outcome.loaded > 500)
    }
}
