extension Adapter {
    /// Checks that the file holds all that the configuration says was trained beside the low-rank updates; the base's
    /// own weights in its place would give other answers.
    ///
    /// PEFT fails on a missing module of `modules_to_save` as well. It takes the base's biases for missing ones without
    /// a word.
    /// - Throws: ``AdapterError/notSaved(tensor:field:)``.
    func checkCompleteness(against base: CheckpointFolder) throws(AdapterError) {
        for name in base.tensors.names.map(TensorNaming.canonical) where isOfTrainedModel(name) {
            guard replacements[name] == nil, let field = trainedBy(name) else { continue }
            throw .notSaved(tensor: name, field: field)
        }
    }

    /// The field by which a tensor of the base was trained; nil if it was not.
    private func trainedBy(_ name: String) -> String? {
        let parts = name.split(separator: ".")
        let modules = parts.indices.dropFirst().map { parts[..<$0].joined(separator: ".") }
        if modules.contains(where: { module in configuration.modulesToSave.contains { module.hasSuffix($0) } }) {
            return "modules_to_save"
        }
        guard parts.last == "bias", let module = modules.last else { return nil }
        switch configuration.bias {
        case .none: return nil
        case .all: return "bias"
        case .loraOnly: return layers[module] == nil ? nil : "bias"
        }
    }

    /// Whether the model that the adapter was trained on had this tensor of the base: a causal language model has no
    /// classification head, a classifier none of a language model, and neither what a multimodal base sees with.
    private func isOfTrainedModel(_ name: String) -> Bool {
        guard name.hasSuffix(".weight") || name.hasSuffix(".bias") else { return false }
        if ["model.layers.", "model.embed_tokens.", "model.norm."].contains(where: name.hasPrefix) { return true }
        switch configuration.task {
        case .sequenceClassification: return name.hasPrefix("score.") || name.hasPrefix("classifier.")
        case .causalLanguageModel: return name.hasPrefix("lm_head.")
        case .featureExtraction: return false
        case nil: return Adapter.headNames.contains(name)
        }
    }
}
