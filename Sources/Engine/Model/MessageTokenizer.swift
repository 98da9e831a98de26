import FileAccess
import SentencePiece

/// Text to token ids as the model was trained: BOS, pieces, cut at the model's limit. Safe to use from many threads.
public struct MessageTokenizer: Sendable {
    /// The pieces alone.
    let pieces: SentencePieceTokenizer
    private let bos: [Int32]
    /// What is written around each message, for causal language models.
    private let prompt: LabelPrompt?

    /// Tokens of a message that are read, BOS and prompt included.
    public let maximumTokens: Int

    /// - Parameters:
    ///   - load: of a SentencePiece `tokenizer.model`; waited for.
    ///   - addsBOS: whether messages start with the model's BOS token, if it has one.
    init(_ load: TokenizerLoad, addsBOS: Bool, maximumTokens: Int, vocabularySize: Int) throws(EngineError) {
        do {
            pieces = try load.tokenizer()
        } catch .file(let error) {
            throw .file(error)
        } catch {
            throw .invalidFile(path: load.path, reason: "\(error)")
        }
        guard pieces.vocabularySize <= vocabularySize else {
            throw .mismatch(
                "\(load.path) has \(pieces.vocabularySize) pieces, the base's embedding table \(vocabularySize) rows")
        }
        bos = addsBOS ? pieces.bosID.map { [$0] } ?? [] : []
        self.maximumTokens = maximumTokens
        prompt = nil
    }

    /// The same tokenizer with a prompt around each message.
    /// - Throws: `EngineError.mismatch` if the prompt leaves no room for a message.
    init(_ other: MessageTokenizer, prompt: LabelPrompt) throws(EngineError) {
        pieces = other.pieces
        bos = other.bos
        maximumTokens = other.maximumTokens
        self.prompt = prompt
        let around = bos.count + pieces.encode(prompt.template.prefix).count + prompt.suffixIDs.count
        guard around < maximumTokens else {
            throw .mismatch("the prompt has \(around) tokens; messages of at most \(maximumTokens) are read")
        }
    }

    /// The message's tokens. Text that looks like a control token stays text.
    /// - Throws: `EngineError.emptyMessage` if nothing but white space is there.
    public func tokenize(_ text: String) throws(EngineError) -> TokenizedMessage {
        guard !text.utf8.allSatisfy({ $0 == 0x20 || (0x09...0x0d).contains($0) }) else { throw .emptyMessage }
        // One more than are read shows that the message is cut. Behind them a megabyte is not worth splitting.
        let limit = maximumTokens - bos.count + 1
        let ids = bos + pieces.encode(prompt?.template.prompt(text) ?? text, limit: limit)
        guard ids.count > bos.count else { throw .emptyMessage }
        guard ids.count > maximumTokens else { return TokenizedMessage(ids: ids) }
        let tail = prompt?.suffixIDs ?? []
        return TokenizedMessage(ids: ids.prefix(maximumTokens - tail.count) + tail, truncated: true)
    }
}
