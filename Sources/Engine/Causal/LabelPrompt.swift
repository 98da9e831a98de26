import SentencePiece

/// How a causal language model is asked for an intent, and the labels as its tokens.
struct LabelPrompt: Sendable {
    let template: PromptTemplate
    let trie: LabelTrie
    /// The template's end as tokens: what is kept when a long message is cut.
    let suffixIDs: [Int32]

    /// - Parameters:
    ///   - settings: from `intentd.json`.
    ///   - labels: names in the order of answers.
    /// - Throws: `EngineError.mismatch` if a label has no tokens of its own behind the template.
    init(
        _ settings: ModelSettings.Prompt, labels: [String], tokenizer: SentencePieceTokenizer
    ) throws(EngineError) {
        guard let template = PromptTemplate(settings.template) else {
            throw .mismatch("intentd.json: prompt.template must hold {text} once, and go on behind it")
        }
        self.template = template
        let suffixIDs = tokenizer.encode(template.suffix)
        self.suffixIDs = suffixIDs
        var sequences: [[Int32]] = []
        for label in labels {
            let written = settings.continuations?[label] ?? label
            let ids = tokenizer.encode(template.suffix + written + (settings.ending ?? ""))
            guard ids.starts(with: suffixIDs), ids.count > suffixIDs.count else {
                throw .mismatch(
                    "intentd.json: label \(label) does not start a new token behind prompt.template; "
                        + "end the template with a colon or a line break, or start the labels with a space")
            }
            sequences.append(Array(ids.dropFirst(suffixIDs.count)))
        }
        if let unknown = settings.continuations?.keys.filter({ !labels.contains($0) }).min() {
            throw .mismatch("intentd.json: prompt.continuations names \(unknown), which is no label")
        }
        guard Set(sequences).count == sequences.count else {
            throw .mismatch("intentd.json: two labels are written with the same tokens")
        }
        trie = LabelTrie(sequences)
    }

    /// Tokens beside the prompt that one message costs.
    var extraTokens: Int { trie.rows.count }
}
