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
    /// Rotary tables; layers name theirs by index.
    var rotaryTables: [RotaryParameters]
    /// One a layer, in order.
    var layers: [LayerPlan]
    /// Names of the tensors in a transformers checkpoint.
    var names: TensorNames

    /// Elements of all query heads of a token.
    var querySize: Int { headCount * headSize }
    /// Elements of all key (or value) heads of a token.
    var keyValueSize: Int { keyValueHeadCount * headSize }
}

/// What distinguishes one layer from another.
struct LayerPlan: Sendable {
    /// Index into `DecoderPlan.rotaryTables`.
    var rotaryTable: Int
    /// How many tokens back a query sees, itself included, in causal mode; in bidirectional mode the number of
    /// tokens each way, exclusive. Nil sees all.
    var window: Int?
}

/// The gate's activation in the feed-forward layer.
enum GateActivation: Sendable {
    /// GELU by its tanh approximation (Hendrycks & Gimpel 2016; `gelu_pytorch_tanh`).
    case geluTanh
    /// x * sigmoid(x).
    case silu
}

/// Which keys a query sees.
public enum AttentionMode: String, Sendable, Codable {
    /// Itself and what came before: how decoders are pretrained.
    case causal
    /// All tokens of the message: `use_bidirectional_attention` in transformers.
    case bidirectional
}

/// Names of a layer's tensors below `model.layers.N.`.
struct TensorNames: Sendable {
    /// RMSNorm before attention.
    var attentionNorm: String
    /// RMSNorm of attention's output before it joins the residual stream (Gemma).
    var attentionOutputNorm: String?
    /// RMSNorm before the feed-forward layer.
    var feedForwardNorm: String
    /// RMSNorm of the feed-forward output before it joins the residual stream (Gemma).
    var feedForwardOutputNorm: String?
    /// RMSNorm of each query head and each key head (Gemma 3).
    var queryNorm: String?
    var keyNorm: String?
}

/// Rotary position embedding of one kind of layer (Su et al. 2021), as frequencies.
struct RotaryParameters: Sendable, Equatable {
    /// One angle step a position for each pair of elements: headSize / 2 of them.
    var frequencies: [Double]
    /// What cosine and sine are multiplied by (1 but for scaled kinds).
    var attentionFactor: Double = 1
}
