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
        let architecture = try wrapping(gguf) { () throws(GGUFError) in
            try file.stringIfPresent("general.architecture")
        }
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
