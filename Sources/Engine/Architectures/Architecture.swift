import Checkpoint

/// A decoder family: how its configuration becomes a plan.
protocol Architecture: Sendable {
    /// The family's name in `ModelConfiguration`.
    static var family: ModelConfiguration.Architecture { get }

    /// The plan for one checkpoint.
    /// - Throws: `EngineError.unsupported` for a setting that the forward pass does not implement.
    static func plan(_ configuration: ModelConfiguration) throws(EngineError) -> DecoderPlan
}

/// The families that can be run. Adding one is its file and a line here.
enum ArchitectureRegistry {
    static let all: [any (Architecture & Sendable).Type] = [Gemma3.self, Llama.self, Mistral.self]

    static func plan(_ configuration: ModelConfiguration) throws(EngineError) -> DecoderPlan {
        for architecture in all where architecture.family == configuration.architecture {
            return try architecture.plan(configuration)
        }
        throw .unsupported("architecture \(configuration.architecture.rawValue)")
    }
}

extension Architecture {
    /// The parts that every family reads the same way.
    static func basePlan(_ configuration: ModelConfiguration, norms: NormNames) throws(EngineError) -> DecoderPlan {
        if configuration.attentionLogitSoftcap != nil { throw .unsupported("attn_logit_softcapping") }
        let activation: GateActivation
        switch configuration.activation {
        case .geluTanh: activation = .geluTanh
        case .silu: activation = .silu
        case .gelu: throw .unsupported("hidden activation gelu (erf); gelu_pytorch_tanh and silu are implemented")
        }
        return DecoderPlan(
            hiddenSize: configuration.hiddenSize, intermediateSize: configuration.intermediateSize,
            headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
            headSize: configuration.headDimension, vocabularySize: configuration.vocabularySize,
            embeddingScale: 1, attentionScale: configuration.attentionScale,
            normEpsilon: configuration.normEpsilon, normWeightOffset: 0, activation: activation,
            attention: configuration.isBidirectional ? .bidirectional : .causal,
            rotary: [configuration.rope, configuration.slidingRope],
            layers: configuration.layerKinds.map { kind in
                LayerPlan(
                    rotary: kind == .full ? 0 : 1,
                    reach: kind == .full ? nil : configuration.slidingReach)
            },
            norms: norms)
    }
}
