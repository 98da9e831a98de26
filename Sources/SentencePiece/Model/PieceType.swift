/// What a piece is for. The numbers are those of `ModelProto.SentencePiece.Type` in sentencepiece_model.proto.
public enum PieceType: UInt8, Sendable {
    /// Text seen in training.
    case normal = 1
    /// Stands for text that no piece covers.
    case unknown = 2
    /// A mark such as `<s>`: never produced from text, and decoded as nothing.
    case control = 3
    /// Text that is always one piece, wherever it occurs.
    case userDefined = 4
    /// Takes part in BPE merges but is split again before ids are given.
    case unused = 5
    /// One byte of text that no piece covers.
    case byte = 6

    /// Whether text can be matched to pieces of this type.
    var isSearchable: Bool { self == .normal || self == .userDefined || self == .unused }
}
