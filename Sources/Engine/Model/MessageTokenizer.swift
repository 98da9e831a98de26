import SentencePiece

/// Text to token ids as the model was trained: BOS, pieces, cut at the model's limit. Safe to use from many threads.
public struct MessageTokenizer: Sendable {
    private let tokenizer: SentencePieceTokenizer
    private let prefix: [Int32]

    /// Tokens of a message that are read, BOS included.
    public let maximumTokens: Int

    /// - Parameters:
    ///   - path: a SentencePiece `tokenizer.model`.
    ///   - addsBOS: whether messages start with the model's BOS token, if it has one.
    init(path: String, addsBOS: Bool, maximumTokens: Int, vocabularySize: Int) throws(EngineError) {
        do {
            tokenizer = try SentencePieceTokenizer(contentsOf: path)
        } catch {
            throw .invalidFile(path: path, reason: "\(error)")
        }
        guard tokenizer.vocabularySize <= vocabularySize else {
            throw .mismatch(
                "\(path) has \(tokenizer.vocabularySize) pieces, the base's embedding table \(vocabularySize) rows")
        }
        prefix = addsBOS ? tokenizer.bosID.map { [$0] } ?? [] : []
        self.maximumTokens = maximumTokens
    }

    /// The message's tokens. Text that looks like a control token stays text.
    /// - Throws: `EngineError.emptyMessage` if nothing but white space is there.
    public func tokenize(_ text: String) throws(EngineError) -> TokenizedMessage {
        guard !text.utf8.allSatisfy({ $0 == 0x20 || (0x09...0x0d).contains($0) }) else { throw .emptyMessage }
        let ids = prefix + tokenizer.encode(text)
        guard ids.count > prefix.count else { throw .emptyMessage }
        return TokenizedMessage(ids: Array(ids.prefix(maximumTokens)), truncated: ids.count > maximumTokens)
    }
}
