/// A tensor name in `adapter_model.safetensors`, taken apart.
struct AdapterTensorName: Equatable {
    /// The tensors that make up one low-rank update.
    enum Part: Hashable { case a, b, magnitude, upBias }

    enum Role: Equatable {
        case part(Part)
        /// Replaces the base's tensor of the same name.
        case replacement
        /// Part of a LoRA update of an embedding.
        case embedding
    }

    var role: Role
    /// The module (for a part) or the tensor (for a replacement), in transformers' spelling.
    var target: String
    /// The module as the trained model spells it, which is what `rank_pattern` and `alpha_pattern` match.
    var module = ""

    init(_ name: String) throws(AdapterError) {
        let prefix = "base_model.model."
        guard name.hasPrefix(prefix) else { throw .unrecognisedTensor(name) }
        let path = String(name.dropFirst(prefix.count))
        if path.contains("lora_embedding_A") || path.contains("lora_embedding_B") {
            self.init(role: .embedding, target: TensorNaming.canonical(path))
            return
        }
        let suffixes: [(String, Part)] = [
            (".lora_A.weight", .a), (".lora_B.weight", .b), (".lora_B.bias", .upBias),
            (".lora_magnitude_vector", .magnitude), (".lora_magnitude_vector.weight", .magnitude),
        ]
        for (suffix, part) in suffixes where path.hasSuffix(suffix) {
            let module = String(path.dropLast(suffix.count))
            guard !module.isEmpty else { throw .unrecognisedTensor(name) }
            self.init(role: .part(part), target: TensorNaming.canonical(module))
            self.module = module
            return
        }
        guard !path.contains("lora_"), path.hasSuffix(".weight") || path.hasSuffix(".bias") else {
            throw .unrecognisedTensor(name)
        }
        // Biases of adapted layers and modules saved whole carry the wrapper's name in some versions of PEFT.
        var components = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        components.removeAll { ["base_layer", "modules_to_save", "default"].contains($0) }
        self.init(role: .replacement, target: TensorNaming.canonical(components.joined(separator: ".")))
    }

    private init(role: Role, target: String) {
        self.role = role
        self.target = target
    }
}

extension TensorNaming {
    /// The spelling of a causal language model for a name from a bare or a multimodal model.
    static func canonical(_ name: String) -> String {
        for prefix in ["model.language_model.", "language_model.model."] where name.hasPrefix(prefix) {
            return "model." + name.dropFirst(prefix.count)
        }
        for prefix in ["layers.", "embed_tokens.", "norm."] where name.hasPrefix(prefix) { return "model." + name }
        if name.hasPrefix("language_model.") { return canonical(String(name.dropFirst("language_model.".count))) }
        return name
    }
}
