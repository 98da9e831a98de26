/// The tokens of several messages one after another: no padding, attention inside each message's span only.
struct PackedBatch {
    /// Token ids of all messages.
    private(set) var ids: [Int32] = []
    /// Each token's position in its message.
    private(set) var positions: [Int32] = []
    /// Cumulative lengths: message i is rows `starts[i] ..< starts[i + 1]`.
    private(set) var starts: [Int] = [0]
    /// Behind every message: the labels that are scored as its continuations.
    let trie: LabelTrie?

    init(trie: LabelTrie? = nil) { self.trie = trie }

    /// Rows.
    var tokenCount: Int { ids.count }
    /// Messages.
    var messageCount: Int { starts.count - 1 }

    /// Adds a message behind the others.
    mutating func append(_ message: some Collection<Int32>) {
        ids.append(contentsOf: message)
        positions.append(contentsOf: 0..<Int32(message.count))
        if let trie {
            ids.append(contentsOf: trie.rows.lazy.map(\.token))
            positions.append(contentsOf: trie.rows.lazy.map { Int32(message.count + $0.depth - 1) })
        }
        starts.append(ids.count)
    }

    /// The rows of message `index`, those of the labels included.
    func span(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

    /// Rows of message `index` before those of the labels.
    func promptLength(_ index: Int) -> Int { span(index).count - (trie?.rows.count ?? 0) }
}
