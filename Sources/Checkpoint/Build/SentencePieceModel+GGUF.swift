extension SentencePieceModel {
    /// Rebuilds the model from a GGUF file's vocabulary (`tokenizer.ggml.model` "llama": ggml's name for SentencePiece
    /// BPE).
    init(_ file: GGUFFile) throws(ModelBuildError) {
        let kind = try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in
            try file.stringIfPresent("tokenizer.ggml.model") ?? "none"
        }
        guard kind == "llama" else { throw .unsupportedTokenizer(path: file.path, kind: kind) }
        let fields = try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in try VocabularyFields(file) }
        guard fields.texts.count == fields.scores.count, fields.texts.count == fields.types.count else {
            throw .malformedTokenizer(
                path: file.path,
                reason: "\(fields.texts.count) tokens, \(fields.scores.count) scores, \(fields.types.count) types")
        }
        var pieces: [Piece] = []
        pieces.reserveCapacity(fields.texts.count)
        for (id, text) in fields.texts.enumerated() {
            guard let number = Int(exactly: fields.types[id]), let type = PieceType(rawValue: number) else {
                throw .malformedTokenizer(path: file.path, reason: "token \(id) has unknown type \(fields.types[id])")
            }
            guard fields.scores[id].isFinite else {
                throw .malformedTokenizer(path: file.path, reason: "the score of token \(id) is not finite")
            }
            // GGUF holds user-defined pieces as they look in a text; a SentencePiece model holds them escaped.
            let stored = type == .userDefined ? String(text.map { $0 == " " ? "\u{2581}" : $0 }) : text
            pieces.append(Piece(text: stored, score: Float(fields.scores[id]), type: type))
        }
        for (name, id) in [("unknown", fields.unknown), ("bos", fields.beginning), ("eos", fields.end)] {
            guard pieces.indices.contains(id) else {
                throw .malformedTokenizer(path: file.path, reason: "the \(name) token \(id) is not in the vocabulary")
            }
        }
        guard fields.padding == -1 || pieces.indices.contains(fields.padding) else {
            throw .malformedTokenizer(
                path: file.path, reason: "the padding token \(fields.padding) is not in the vocabulary")
        }
        guard pieces[fields.unknown].type == .unknown || pieces[fields.unknown].type == .control else {
            throw .malformedTokenizer(path: file.path, reason: "the unknown token is an ordinary one")
        }
        // GGUF calls Gemma's unknown token CONTROL. The model has it as UNKNOWN, and sentencepiece before 0.2.3 refuses a
        // model that has no such piece.
        pieces[fields.unknown].type = .unknown
        if let other = pieces.indices.first(where: { $0 != fields.unknown && pieces[$0].type == .unknown }) {
            throw .malformedTokenizer(
                path: file.path, reason: "tokens \(fields.unknown) and \(other) are both the unknown token")
        }
        self.init(
            pieces: pieces, unknownID: fields.unknown, beginningID: fields.beginning, endID: fields.end,
            paddingID: fields.padding, addsDummyPrefix: fields.addsSpacePrefix)
    }
}

/// The members of GGUF metadata that describe a vocabulary.
private struct VocabularyFields {
    let texts: [String]
    let scores: [Double]
    let types: [Double]
    let unknown: Int
    let beginning: Int
    let end: Int
    let padding: Int
    let addsSpacePrefix: Bool

    init(_ file: GGUFFile) throws(GGUFError) {
        texts = try file.array("tokenizer.ggml.tokens").strings()
        scores = try file.array("tokenizer.ggml.scores").doubles()
        types = try file.array("tokenizer.ggml.token_type").doubles()
        unknown = try file.integerIfPresent("tokenizer.ggml.unknown_token_id") ?? 0
        beginning = try file.integerIfPresent("tokenizer.ggml.bos_token_id") ?? 1
        end = try file.integerIfPresent("tokenizer.ggml.eos_token_id") ?? 2
        padding = try file.integerIfPresent("tokenizer.ggml.padding_token_id") ?? -1
        addsSpacePrefix = try file.boolIfPresent("tokenizer.ggml.add_space_prefix") ?? true
    }
}
