/// What the Python library did with one text.
public struct RecordedCase: Equatable, Sendable {
    public struct Token: Equatable, Sendable {
        public var id: Int32
        public var bytes: [UInt8]
        public var range: Range<Int>
    }

    public var text: [UInt8]
    public var tokens: [Token]
    /// What the ids decode to.
    public var decoded: [UInt8]
}
