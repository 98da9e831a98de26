/// What is loaded: for answers, logs, metrics and `intentd model inspect`.
public struct ModelDescription: Sendable, Equatable {
    /// From `intentd.json`, else the model folder's last path component.
    public var name: String
    /// From `intentd.json`, else "0".
    public var version: String
    /// Intents in the head's order.
    public var labels: [String]
    /// The family, e.g. "gemma3".
    public var architecture: String
    /// Layers that run, and layers that the base has.
    public var layers: Int
    public var baseLayers: Int
    public var hiddenSize: Int
    public var attention: AttentionMode
    public var pooling: ModelSettings.Pooling
    /// Tokens of a message that are read.
    public var maximumTokens: Int
    public var precision: Precision
    /// Why `auto` took it; nil if it was asked for.
    public var precisionReason: String?
    /// The kernels' instruction-set level, e.g. "avx2"; "openblas" for the reference.
    public var kernels: String
    /// The largest magnitude of a quantised activation: kernels that share it quantise in the same way.
    public var activationLimit = 0
    public var threads: Int
    /// Folders of the parts.
    public var basePath: String
    public var adapterPath: String?
    /// Adapted layers, and their rank.
    public var adaptedModules: Int
    public var adapterRank: Int?
    /// Bytes of layers and head with norms and rotary tables, of working memory, and of the embedding table.
    public var weightBytes: Int
    public var workspaceBytes: Int
    public var embeddingBytes: Int
    /// The weights by part, the embedding table among them.
    public var memory: [MemoryPart] = []
    /// What the weights would take in each precision.
    public var precisionMemory: [PrecisionMemory] = []
    /// Below this confidence the answer is an abstention.
    public var defaultThreshold: Float
    /// How out-of-scope messages are told, if they are.
    public var scopeMethod: String?
}
