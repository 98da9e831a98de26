extension ModelConfiguration {
    /// Largest extent or count accepted; far above any model, and small enough that products of two fit in 64 bits.
    static let extentLimit = 1 << 28
    static let layerLimit = 4096

    /// Reads and checks the `config.json` at `path`.
    public init(path: String) throws(ConfigurationError) {
        let document: JSONValue
        do { document = try JSONFile.read(path) } catch { throw .file(error) }
        guard let object = document.object else { throw .notAnObject(path: path) }
        try self.init(object)
    }

    /// Reads a parsed `config.json`.
    public init(_ document: JSONValue.Object) throws(ConfigurationError) {
        let outer = ConfigurationFields(document)
        let modelType = try outer.string("model_type")
        // A multimodal Gemma 3 keeps its language model's fields in text_config.
        let fields: ConfigurationFields
        if modelType == "gemma3" {
            guard let text = document["text_config"]?.object else { throw .missing(field: "text_config") }
            fields = ConfigurationFields(text)
        } else {
            fields = outer
        }
        switch modelType {
        case "gemma3_text", "gemma3": architecture = .gemma3
        case "llama": architecture = .llama
        case "mistral": architecture = .mistral
        case let other?: throw .unsupportedArchitecture(other)
        case nil: throw .missing(field: "model_type")
        }
        let isGemma = architecture == .gemma3

        className = document["architectures"]?.array?.first?.string
        hiddenSize = try fields.extent("hidden_size")
        intermediateSize = try fields.extent("intermediate_size")
        layerCount = try fields.extent("num_hidden_layers", limit: Self.layerLimit)
        headCount = try fields.extent("num_attention_heads")
        keyValueHeadCount = try fields.extentIfPresent("num_key_value_heads") ?? (isGemma ? 4 : headCount)
        guard headCount % keyValueHeadCount == 0 else {
            throw .invalid(field: "num_attention_heads", reason: "is not a multiple of num_key_value_heads")
        }
        if let dimension = try fields.extentIfPresent("head_dim") {
            headDimension = dimension
        } else if isGemma {
            headDimension = 256
        } else {
            guard hiddenSize % headCount == 0 else {
                throw .invalid(field: "hidden_size", reason: "is not a multiple of num_attention_heads")
            }
            headDimension = hiddenSize / headCount
        }
        guard headDimension % 2 == 0 else { throw .invalid(field: "head_dim", reason: "is odd") }
        guard headCount * headDimension <= Self.extentLimit else {
            throw .invalid(field: "num_attention_heads", reason: "times head_dim is over \(Self.extentLimit)")
        }
        vocabularySize = try fields.extent("vocab_size")
        maximumPositions =
            try fields.extentIfPresent("max_position_embeddings") ?? (isGemma ? 131_072 : 2048)
        normEpsilon = Float(try fields.number("rms_norm_eps", default: 1e-6, in: 0...1))
        activation = try fields.activation(default: isGemma ? .geluTanh : .silu)
        let tied = try (outer["tie_word_embeddings"] == nil ? fields : outer).bool("tie_word_embeddings")
        tiesWordEmbeddings = tied ?? isGemma
        attentionHasBias = architecture == .mistral ? false : try fields.bool("attention_bias") ?? false
        mlpHasBias = architecture == .llama ? try fields.bool("mlp_bias") ?? false : false
        slidingWindow = try fields.window(architecture)
        isBidirectional = isGemma ? try fields.bool("use_bidirectional_attention") ?? false : false
        layerKinds = try fields.layerKinds(architecture, count: layerCount, window: slidingWindow)
        (rope, slidingRope) = try fields.rotary(architecture, maximumPositions: maximumPositions)
        let queryScalar = try fields.number(
            "query_pre_attn_scalar", default: Double(isGemma ? 256 : headDimension), in: 1e-6...1e9)
        attentionScale = Float(1 / (isGemma ? queryScalar : Double(headDimension)).squareRoot())
        attentionLogitSoftcap = try fields.softcap("attn_logit_softcapping")
        finalLogitSoftcap = try fields.softcap("final_logit_softcapping")

        let eos = fields["eos_token_id"] ?? outer["eos_token_id"]
        bosToken = try fields.token("bos_token_id", vocabularySize, default: isGemma ? 2 : 1)
        padToken = try fields.token("pad_token_id", vocabularySize, default: isGemma ? 0 : nil)
        eosTokens = try ConfigurationFields.tokens("eos_token_id", eos, vocabularySize, default: isGemma ? [1] : [2])
        labels = try outer.labels()
        format = (outer.text("dtype") ?? outer.text("torch_dtype")).flatMap { FloatFormat(torchName: $0) }
        quantization = try outer.quantization()
    }
}
