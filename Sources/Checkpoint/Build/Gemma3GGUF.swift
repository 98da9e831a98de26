/// A Gemma 3 language model in a GGUF file, in transformers' terms.
///
/// Sources: `conversion` of Gemma 3 in llama.cpp's `convert_hf_to_gguf.py`, which this undoes (tensor names; norm
/// weights are stored as 1 + w), and `Gemma3TextConfig` of transformers 5, whose fields the configuration has.
struct Gemma3GGUF: ModelSource {
    let configuration: JSONValue.Object
    let tensors: [SourceTensor]

    private let file: GGUFFile

    init(_ file: GGUFFile) throws(ModelBuildError) {
        self.file = file
        let gguf = ModelBuildError.gguf
        let architecture = try wrapping(gguf) { () throws(GGUFError) in try file.stringIfPresent("general.architecture") }
        guard architecture == "gemma3" else {
            throw .unsupportedArchitecture(path: file.path, name: architecture ?? "none")
        }
        let shape = try wrapping(gguf) { () throws(GGUFError) in try Gemma3Shape(file) }
        let fields = try Self.fields(shape, file)
        configuration = fields
        tensors = try Self.tensors(shape, file)
    }

    func companions() throws(ModelBuildError) -> [(name: String, bytes: [UInt8])] {
        let model = try SentencePieceModel(file)
        var settings = JSONValue.Object()
        for (name, key, fallback) in [
            ("add_bos_token", "tokenizer.ggml.add_bos_token", true),
            ("add_eos_token", "tokenizer.ggml.add_eos_token", false),
        ] {
            let flag = try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in try file.boolIfPresent(key) }
            settings[name] = .bool(flag ?? fallback)
        }
        settings["tokenizer_class"] = .string("GemmaTokenizer")
        return [
            ("tokenizer.model", model.serialized()),
            ("tokenizer_config.json", Array((JSONValue.object(settings).text(.indented) + "\n").utf8)),
        ]
    }

    private static func fields(_ shape: Gemma3Shape, _ file: GGUFFile) throws(ModelBuildError) -> JSONValue.Object {
        var fields = JSONValue.Object()
        fields["architectures"] = .array([.string("Gemma3ForCausalLM")])
        fields["model_type"] = .string("gemma3_text")
        fields["dtype"] = .string("bfloat16")
        fields["vocab_size"] = .integer(shape.vocabularySize)
        fields["hidden_size"] = .integer(shape.hiddenSize)
        fields["intermediate_size"] = .integer(shape.intermediateSize)
        fields["num_hidden_layers"] = .integer(shape.layers)
        fields["num_attention_heads"] = .integer(shape.heads)
        fields["num_key_value_heads"] = .integer(shape.keyValueHeads)
        fields["head_dim"] = .integer(shape.headDimension)
        fields["max_position_embeddings"] = .integer(shape.positions)
        fields["rms_norm_eps"] = .number(shape.normEpsilon)
        fields["hidden_activation"] = .string("gelu_pytorch_tanh")
        fields["attention_bias"] = .bool(false)
        fields["attention_dropout"] = .number(0)
        fields["query_pre_attn_scalar"] = .integer(shape.queryScalar)
        fields["sliding_window"] = .integer(shape.window)
        fields["_sliding_window_pattern"] = .integer(6)
        fields["layer_types"] = .array(
            (1...shape.layers).map { .string($0 % 6 == 0 ? "full_attention" : "sliding_attention") })
        fields["attn_logit_softcapping"] = .null
        fields["final_logit_softcapping"] = shape.softcap.map { .number($0) } ?? .null
        fields["rope_parameters"] = .object(try rotary(file))
        fields["tie_word_embeddings"] = .bool(file[tensor: "output.weight"] == nil)
        fields["use_bidirectional_attention"] = .bool(false)
        fields["use_cache"] = .bool(true)
        fields["initializer_range"] = .number(0.02)
        for (name, key) in [("bos", "bos"), ("eos", "eos"), ("pad", "padding")] {
            let id = try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in
                try file.integerIfPresent("tokenizer.ggml.\(key)_token_id")
            }
            fields["\(name)_token_id"] = id.map { .integer($0) } ?? .null
        }
        return fields
    }

    /// Full layers have the file's base and scaling; sliding ones always 10000 without scaling.
    private static func rotary(_ file: GGUFFile) throws(ModelBuildError) -> JSONValue.Object {
        let gguf = ModelBuildError.gguf
        let theta = try wrapping(gguf) { () throws(GGUFError) in
            try file.doubleIfPresent("gemma3.rope.freq_base") ?? 1_000_000
        }
        let kind = try wrapping(gguf) { () throws(GGUFError) in
            try file.stringIfPresent("gemma3.rope.scaling.type") ?? "none"
        }
        var full = JSONValue.Object()
        full["rope_theta"] = .number(theta)
        switch kind {
        case "none": full["rope_type"] = .string("default")
        case "linear":
            full["rope_type"] = .string("linear")
            let factor = try wrapping(gguf) { () throws(GGUFError) in
                try file.doubleIfPresent("gemma3.rope.scaling.factor") ?? 1
            }
            full["factor"] = .number(factor)
        default: throw .unsupportedRope(path: file.path, name: kind)
        }
        var sliding = JSONValue.Object()
        sliding["rope_theta"] = .number(10_000)
        sliding["rope_type"] = .string("default")
        var result = JSONValue.Object()
        result["full_attention"] = .object(full)
        result["sliding_attention"] = .object(sliding)
        return result
    }

    private static func tensors(_ shape: Gemma3Shape, _ file: GGUFFile) throws(ModelBuildError) -> [SourceTensor] {
        var result: [SourceTensor] = []
        var expected: Set<String> = []
        for part in Gemma3Part.all(shape, untied: file[tensor: "output.weight"] != nil) {
            expected.insert(part.stored)
            guard let tensor = file[tensor: part.stored] else {
                throw .missingTensor(path: file.path, tensor: part.stored)
            }
            guard tensor.shape == part.shape else {
                throw .wrongShape(tensor: part.stored, expected: part.shape, found: tensor.shape)
            }
            guard GGUFTensorType.decodable.contains(tensor.type) else {
                throw .gguf(.unsupportedTensorType(tensor: tensor.name, type: tensor.type))
            }
            let offset: Float = part.kind == .norm ? 1 : 0
            result.append(
                SourceTensor(
                    name: part.name, shape: part.shape, format: .bfloat16, isLinear: part.kind == .linear,
                    read: { rows, destination throws(ModelBuildError) in
                        try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in
                            try tensor.readFloats(rows: rows, into: destination)
                        }
                        if offset != 0 { for index in destination.indices { destination[index] -= offset } }
                    }))
        }
        if let stray = file.tensors.first(where: { !expected.contains($0.name) }) {
            throw .unknownTensor(path: file.path, tensor: stray.name)
        }
        return result
    }
}

/// The sizes of a Gemma 3 model, from the metadata.
struct Gemma3Shape {
    let vocabularySize: Int
    let hiddenSize: Int
    let intermediateSize: Int
    let layers: Int
    let heads: Int
    let keyValueHeads: Int
    let headDimension: Int
    let positions: Int
    let window: Int
    let normEpsilon: Double
    let queryScalar: Int
    let softcap: Double?

    init(_ file: GGUFFile) throws(GGUFError) {
        func extent(_ key: String, limit: Int = ModelConfiguration.extentLimit) throws(GGUFError) -> Int {
            let value = try file.integer("gemma3." + key)
            guard (1...limit).contains(value) else {
                throw .wrongKeyType(path: file.path, key: "gemma3." + key, expected: "a size from 1 to \(limit)")
            }
            return value
        }
        vocabularySize = try file.array("tokenizer.ggml.tokens").count
        hiddenSize = try extent("embedding_length")
        intermediateSize = try extent("feed_forward_length")
        layers = try extent("block_count", limit: ModelConfiguration.layerLimit)
        heads = try extent("attention.head_count", limit: 1 << 16)
        keyValueHeads = try extent("attention.head_count_kv", limit: 1 << 16)
        headDimension = try extent("attention.key_length", limit: 1 << 12)
        positions = try extent("context_length")
        window = try extent("attention.sliding_window")
        // Stored as f32; the shortest decimal that rounds to it is what the model's author wrote.
        let epsilon = Float(try file.doubleIfPresent("gemma3.attention.layer_norm_rms_epsilon") ?? 1e-6)
        normEpsilon = Double(epsilon.description) ?? Double(epsilon)
        // Only the 27B model, the one with 62 layers, scales by the width of a head's share instead of the head's.
        queryScalar = layers == 62 ? hiddenSize / heads : headDimension
        softcap = try file.doubleIfPresent("gemma3.final_logit_softcapping")
    }
}

/// One tensor of Gemma 3: its name in GGUF, its name in transformers, its shape and its kind.
struct Gemma3Part {
    enum Kind { case embedding, linear, norm }

    let stored: String
    let name: String
    let shape: [Int]
    let kind: Kind

    static func all(_ shape: Gemma3Shape, untied: Bool) -> [Gemma3Part] {
        let hidden = shape.hiddenSize
        let table = [shape.vocabularySize, hidden]
        var parts = [
            Gemma3Part(
                stored: "token_embd.weight", name: "model.embed_tokens.weight", shape: table, kind: .embedding),
            Gemma3Part(stored: "output_norm.weight", name: "model.norm.weight", shape: [hidden], kind: .norm),
        ]
        if untied {
            parts.append(Gemma3Part(stored: "output.weight", name: "lm_head.weight", shape: table, kind: .embedding))
        }
        let query = shape.heads * shape.headDimension
        let keyValue = shape.keyValueHeads * shape.headDimension
        let head = shape.headDimension
        let inner = shape.intermediateSize
        let layer: [(String, String, [Int])] = [
            ("attn_q", "self_attn.q_proj", [query, hidden]),
            ("attn_k", "self_attn.k_proj", [keyValue, hidden]),
            ("attn_v", "self_attn.v_proj", [keyValue, hidden]),
            ("attn_output", "self_attn.o_proj", [hidden, query]),
            ("ffn_gate", "mlp.gate_proj", [inner, hidden]),
            ("ffn_up", "mlp.up_proj", [inner, hidden]),
            ("ffn_down", "mlp.down_proj", [hidden, inner]),
            ("attn_q_norm", "self_attn.q_norm", [head]),
            ("attn_k_norm", "self_attn.k_norm", [head]),
            ("attn_norm", "input_layernorm", [hidden]),
            ("post_attention_norm", "post_attention_layernorm", [hidden]),
            ("ffn_norm", "pre_feedforward_layernorm", [hidden]),
            ("post_ffw_norm", "post_feedforward_layernorm", [hidden]),
        ]
        for index in 0..<shape.layers {
            for (stored, name, shape) in layer {
                parts.append(
                    Gemma3Part(
                        stored: "blk.\(index).\(stored).weight", name: "model.layers.\(index).\(name).weight",
                        shape: shape, kind: shape.count == 1 ? .norm : .linear))
            }
        }
        return parts
    }
}
