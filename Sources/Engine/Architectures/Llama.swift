import Checkpoint

/// The Llama family: Llama 2 and 3, TinyLlama. Source: Touvron et al. 2023; transformers `models/llama`.
enum Llama: Architecture {
    static let family = ModelConfiguration.Architecture.llama

    static func plan(_ configuration: ModelConfiguration) throws(EngineError) -> DecoderPlan {
        try basePlan(configuration, norms: NormNames(feedForward: "post_attention_layernorm"))
    }
}
