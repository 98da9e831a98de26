import Checkpoint

/// Gemma 3 (text). Source: Gemma 3 Technical Report (2025); transformers `models/gemma3/modeling_gemma3.py`.
///
/// Beside Llama: embeddings times sqrt(hidden), norm factors of 1 + w, a norm on each side of both blocks, norms on
/// query and key heads, tanh GELU, and local layers with their own rotary base between the global ones.
enum Gemma3: Architecture {
    static let family = ModelConfiguration.Architecture.gemma3

    static func plan(_ configuration: ModelConfiguration) throws(EngineError) -> DecoderPlan {
        var plan = try basePlan(
            configuration,
            norms: NormNames(
                attentionOutput: "post_attention_layernorm", feedForward: "pre_feedforward_layernorm",
                feedForwardOutput: "post_feedforward_layernorm", query: "self_attn.q_norm", key: "self_attn.k_norm"))
        plan.normWeightOffset = 1
        plan.embeddingScale = embeddingScale(hiddenSize: configuration.hiddenSize, format: configuration.format)
        return plan
    }

    /// sqrt(hidden), rounded to the checkpoint's number format as transformers rounds it: 25.25 rather than
    /// 25.298 for 640 in bf16.
    static func embeddingScale(hiddenSize: Int, format: FloatFormat?) -> Float {
        let exact = Float(hiddenSize).squareRoot()
        return format?.rounded(exact) ?? exact
    }
}
