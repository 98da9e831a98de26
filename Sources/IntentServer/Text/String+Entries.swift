extension StringProtocol {
    /// Without white space at either end.
    package var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }

    /// The trimmed lines of a file of settings or tokens, with their numbers from 1, less blank lines and those that
    /// start with `#`. Lines may end as on any system.
    package var entries: [(number: Int, text: String)] {
        split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated().compactMap { index, line in
            let text = line.trimmed
            return text.isEmpty || text.hasPrefix("#") ? nil : (index + 1, text)
        }
    }
}
