import Engine

/// Some records in input order, tokenised: what one run of the engine takes.
struct MessageChunk: Sendable {
    /// A record, ready for the engine or already known to be bad.
    enum Entry: Sendable {
        case message(id: String, line: Int, TokenizedMessage)
        case failure(line: Int, reason: String)
    }

    private(set) var entries: [Entry] = []
    /// Tokens of all messages.
    private(set) var tokenCount = 0

    /// Records without tokens are bounded too.
    private static let entryLimit = 1024

    /// True if `entry` should wait for the next chunk.
    func isFull(for entry: Entry, tokenLimit: Int) -> Bool {
        guard !entries.isEmpty else { return false }
        return entries.count >= Self.entryLimit || tokenCount + entry.tokenCount > tokenLimit
    }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
        tokenCount += entry.tokenCount
    }

    /// The messages, without the failures between them.
    var messages: [TokenizedMessage] {
        entries.compactMap { if case .message(_, _, let message) = $0 { message } else { nil } }
    }
}

extension MessageChunk.Entry {
    /// Tokens that the engine will compute.
    var tokenCount: Int { if case .message(_, _, let message) = self { message.ids.count } else { 0 } }
}
