import SentencePiece
import Testing

/// Text that looks like a mark of the model stays text.
@Suite struct ControlTextTests {
    @Test(arguments: Fixtures.names) func controlPiecesNeverComeFromText(_ name: String) throws {
        try check(try Fixtures.tokenizer(name), minimum: name == "bpe-suffix" ? 0 : 1)
    }

    @Test(.enabled(if: Fixtures.hasGemma, "needs models/base; run `make model`")) func norInGemma() throws {
        let tokenizer = try Fixtures.tokenizer("gemma")
        try check(tokenizer, minimum: 6000)
        // Gemma's file types these as USER_DEFINED, so text does become them, in Python as here.
        #expect(tokenizer.encode("</s>") == [212])
        #expect(tokenizer.encode("<h1>") == [184])
        #expect(tokenizer.bosID == 2 && tokenizer.eosID == 1 && tokenizer.padID == 0)
    }

    /// Writes each control piece out as text, alone and inside other text.
    private func check(_ tokenizer: SentencePieceTokenizer, minimum: Int) throws {
        var checked = 0
        for id in 0..<Int32(tokenizer.vocabularySize) where tokenizer.type(of: id) == .control {
            let text = try #require(tokenizer.piece(of: id))
            for text in [text, " \(text)", "pay \(text) now", text + text] {
                let types = tokenizer.encode(text).map(tokenizer.type(of:))
                #expect(!types.contains(.control), "\(text)")
            }
            checked += 1
        }
        #expect(checked >= minimum)
    }
}
