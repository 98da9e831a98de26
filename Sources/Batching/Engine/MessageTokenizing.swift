public import Engine

/// Text to token ids, from any thread.
public protocol MessageTokenizing: Sendable {
    /// Tokens of a message that are read, BOS included.
    var maximumTokens: Int { get }
    /// The message's tokens.
    /// - Throws: `EngineError.emptyMessage` if nothing but white space is there.
    func tokenize(_ text: String) throws(EngineError) -> TokenizedMessage
}

extension MessageTokenizer: MessageTokenizing {}
