/// A decoder with what reads its hidden states: a classification head, or the scores of labels behind a prompt.
///
/// Owned by one thread.
protocol MessageClassifier: AnyObject {
    /// Tokens, `extraTokens` of each message included, that one run may have.
    var capacity: Int { get }
    /// Tokens that a message costs beside its own.
    var extraTokens: Int { get }
    /// The weights in memory by part.
    var memory: [MemoryPart] { get }
    /// Bytes of working memory.
    var workspaceBytes: Int { get }

    /// One prediction a message, in order.
    /// - Precondition: every message has tokens, all in the vocabulary, and together they fit `capacity`.
    func predictions(_ messages: [[Int32]]) -> [Result<Prediction, EngineError>]
    /// Hidden states after the final norm, row-major [tokens, hidden].
    func hiddenStates(_ message: [Int32]) -> [Float]
}
