/// One message as token ids, ready to be batched.
public struct TokenizedMessage: Sendable, Equatable {
    /// Token ids, BOS included; at least one.
    public var ids: [Int32]
    /// True if the message was longer than the model reads and was cut.
    public var truncated: Bool

    public init(ids: [Int32], truncated: Bool = false) {
        self.ids = ids
        self.truncated = truncated
    }
}
