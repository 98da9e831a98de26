public import Checkpoint
public import FileAccess

/// Why a model could not be loaded or run. Messages never hold customer text.
public enum EngineError: Error, Equatable, CustomStringConvertible {
    /// The checkpoint asks for something that the forward pass does not implement.
    case unsupported(String)
    /// A file of the model folder is missing or wrong.
    case checkpoint(CheckpointError)
    /// The adapter was refused, or does not fit its base.
    case adapter(AdapterError)
    /// A settings or labels file of the model cannot be read.
    case file(FileError)
    /// A settings or labels file of the model is missing or wrong.
    case invalidFile(path: String, reason: String)
    /// The parts of a model do not fit each other.
    case mismatch(String)
    /// A message has no tokens.
    case emptyMessage
    /// A message has more tokens than the engine runs at once; tokenise with the model's limit.
    case messageTooLong(tokens: Int, limit: Int)
    /// A token id is not in the embedding table.
    case unknownToken(id: Int32, vocabularySize: Int)
    /// The model gave no number (NaN or infinite logits).
    case notFinite

    public var description: String {
        switch self {
        case .unsupported(let what): "not supported: \(what)"
        case .checkpoint(let error): error.description
        case .adapter(let error): error.description
        case .file(let error): error.description
        case .invalidFile(let path, let reason): "\(path): \(reason)"
        case .mismatch(let what): what
        case .emptyMessage: "the message has no tokens"
        case .messageTooLong(let tokens, let limit): "the message has \(tokens) tokens; the limit is \(limit)"
        case .unknownToken(let id, let size): "token id \(id) is outside the vocabulary of \(size)"
        case .notFinite: "the model's output is not a finite number"
        }
    }
}
