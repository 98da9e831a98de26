/// The tokens of several messages one after another: no padding, attention inside each message's span only.
struct PackedBatch {
    /// Token ids of all messages.
    private(set) var ids: [Int32] = []
    /// Each token's position in its message.
    private(set) var positions: [Int32] = []
    /// Cumulative lengths: message i is rows `starts[i] ..< starts[i + 1]`.
    private(set) var starts: [Int] = [0]

    /// Rows.
    var tokenCount: Int { ids.count }
    /// Messages.
    var messageCount: Int { starts.count - 1 }

    /// Adds a message behind the others.
    mutating func append(_ message: some Collection<Int32>) {
        ids.append(contentsOf: message)
        positions.append(contentsOf: 0..<Int32(message.count))
        starts.append(ids.count)
    }

    /// The rows of message `index`.
    func span(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }
}
