/// The text around a message that asks a causal language model for its intent.
struct PromptTemplate: Sendable, Equatable {
    /// What stands where the message goes.
    static let placeholder = "{text}"

    let prefix: String
    /// Never empty: labels are tokenised behind it, so that they do not depend on the message.
    let suffix: String

    /// - Parameter template: text with `{text}` in it once, and something behind it.
    /// - Returns: nil if it is not.
    init?(_ template: String) {
        let parts = Self.split(template)
        guard parts.count == 2, !parts[1].isEmpty else { return nil }
        prefix = parts[0]
        suffix = parts[1]
    }

    /// The prompt for a message.
    func prompt(_ text: String) -> String { prefix + text + suffix }

    private static func split(_ template: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(template)
        while let range = rest.firstRange(of: placeholder) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
