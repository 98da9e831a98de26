import Checkpoint

/// Mistral 7B: Llama with a sliding window on every layer. Source: Jiang et al. 2023; transformers `models/mistral`.
enum Mistral: Architecture {
    static let family = ModelConfiguration.Architecture.mistral

    static func plan(_ configuration: ModelConfiguration) throws(EngineError) -> DecoderPlan {
        try basePlan(configuration, norms: NormNames(feedForward: "post_attention_layernorm"))
    }
}
