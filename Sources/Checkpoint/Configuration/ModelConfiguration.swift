/// What the forward pass needs to know of a checkpoint, from its `config.json` as transformers 4 or 5 writes it.
public struct ModelConfiguration: Sendable, Equatable {
    /// Families with a forward pass.
    public enum Architecture: String, Sendable, CaseIterable {
        case gemma3
        case llama
        case mistral
    }

    /// The non-linearity of the gated feed-forward block.
    public enum Activation: String, Sendable {
        case silu
        /// GELU with the tanh approximation (`gelu_pytorch_tanh`).
        case geluTanh
        /// GELU with erf (`gelu`).
        case gelu
    }

    /// How far a layer's attention reaches.
    public enum AttentionKind: String, Sendable {
        case full = "full_attention"
        case sliding = "sliding_attention"
    }

    public var architecture: Architecture
    /// `architectures[0]`, e.g. `Gemma3ForCausalLM`; nil if the file names none.
    public var className: String?
    public var hiddenSize: Int
    public var intermediateSize: Int
    public var layerCount: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    public var headDimension: Int
    public var vocabularySize: Int
    public var maximumPositions: Int
    public var normEpsilon: Float
    public var activation: Activation
    public var tiesWordEmbeddings: Bool
    /// q, k, v and o projections have a bias.
    public var attentionHasBias: Bool
    /// gate, up and down projections have a bias.
    public var mlpHasBias: Bool
    /// Attention of each layer, `layerCount` of them.
    public var layerKinds: [AttentionKind]
    /// `sliding_window` as the file has it; see ``slidingReach``.
    public var slidingWindow: Int?
    /// Rotary embedding of layers with full attention.
    public var rope: RotaryEmbedding
    /// Rotary embedding of layers with sliding attention; equal to ``rope`` outside Gemma 3.
    public var slidingRope: RotaryEmbedding
    /// What attention logits are multiplied by: `query_pre_attn_scalar` or `head_dim`, to the power of -1/2.
    public var attentionScale: Float
    /// Every token attends to every other (`use_bidirectional_attention`).
    public var isBidirectional: Bool
    public var attentionLogitSoftcap: Float?
    public var finalLogitSoftcap: Float?
    public var bosToken: Int?
    public var eosTokens: [Int]
    public var padToken: Int?
    /// Class names by id, from `id2label`; empty if there are none.
    public var labels: [String]
    public var quantization: QuantizationConfiguration?
    /// The format that the file says its weights have (`dtype` or `torch_dtype`).
    public var format: FloatFormat?

    /// On sliding layers a token sees another iff their distance is below this. transformers halves Gemma 3's
    /// window when attention is bidirectional (`sliding_window // 2 + 1`), so that its full width stays the same.
    public var slidingReach: Int? {
        slidingWindow.map { isBidirectional ? $0 / 2 + 1 : $0 }
    }
}

/// Rotary position embedding of one kind of layer.
public struct RotaryEmbedding: Sendable, Equatable {
    /// How inverse frequencies are stretched for longer texts.
    public enum Scaling: Sendable, Equatable {
        case none
        /// Every inverse frequency divided by `factor`.
        case linear(factor: Double)
        /// Low frequencies divided by `factor`, high ones kept, those between interpolated (Llama 3).
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)
    }

    public var theta: Double
    public var scaling: Scaling

    public init(theta: Double, scaling: Scaling = .none) {
        self.theta = theta
        self.scaling = scaling
    }
}

/// `quantization_config` of a bitsandbytes 4-bit checkpoint.
public struct QuantizationConfiguration: Sendable, Equatable {
    public var kind: FourBitKind
    public var doubleQuantized: Bool
    /// Dotted module names (or their last parts) that were left unquantised.
    public var skippedModules: [String]
}
