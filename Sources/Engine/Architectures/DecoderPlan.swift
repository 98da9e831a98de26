import Checkpoint

/// Everything the forward pass needs to know of a decoder, apart from its weights.
///
/// An architecture file turns a `ModelConfiguration` into a plan; the forward pass reads only the plan. That is
/// what keeps adding an architecture to one file and one registry line.
struct DecoderPlan: Sendable {
    /// Width of the residual stream.
    var hiddenSize: Int
    /// Width of the feed-forward layer.
    var intermediateSize: Int
    /// Query heads.
    var headCount: Int
    /// Key and value heads; divides `headCount`.
    var keyValueHeadCount: Int
    /// Elements of one head.
    var headSize: Int
    /// Rows of the embedding table.
    var vocabularySize: Int
    /// What embeddings are multiplied by.
    var embeddingScale: Float
    /// What query-key products are multiplied by.
    var attentionScale: Float
    /// Added under the root in every RMSNorm.
    var normEpsilon: Float
    /// Added to every norm weight: 1 for Gemma, whose files hold w for a factor of 1 + w; 0 for Llama.
    var normWeightOffset: Float
    /// The gate's activation.
    var activation: GateActivation
    /// Which keys a query sees.
    var attention: AttentionMode
    /// Rotary embeddings; layers name theirs by index.
    var rotary: [RotaryEmbedding]
    /// One a layer, in order.
    var layers: [LayerPlan]
    /// The layer's norms.
    var norms: NormNames

    /// Elements of all query heads of a token.
    var querySize: Int { headCount * headSize }
    /// Elements of all key (or value) heads of a token.
    var keyValueSize: Int { keyValueHeadCount * headSize }
}

/// What distinguishes one layer from another.
struct LayerPlan: Sendable, Equatable {
    /// Index into `DecoderPlan.rotary`.
    var rotary: Int
    /// A query sees keys closer than this many positions (itself is at 0); nil sees all.
    var reach: Int?
}

/// The gate's activation in the feed-forward layer.
enum GateActivation: Sendable {
    /// GELU by its tanh approximation (Hendrycks & Gimpel 2016; `gelu_pytorch_tanh`).
    case geluTanh
    /// x * sigmoid(x).
    case silu
}

/// Which keys a query sees.
public enum AttentionMode: String, Sendable {
    /// Itself and what came before: how decoders are pretrained.
    case causal
    /// All tokens of the message: `use_bidirectional_attention` in transformers.
    case bidirectional
}

/// Names of a layer's RMSNorm weights below `model.layers.N.`; nil where the architecture has none.
struct NormNames: Sendable {
    /// Before attention.
    var attention = "input_layernorm"
    /// Of attention's output before it joins the residual stream.
    var attentionOutput: String?
    /// Before the feed-forward layer.
    var feedForward: String
    /// Of the feed-forward output before it joins the residual stream.
    var feedForwardOutput: String?
    /// Of each query head and of each key head, before the rotary embedding.
    var query: String?
    var key: String?
}
