import Checkpoint
import FoundationEssentials

/// How a model is to be run and its answers read: `intentd.json` beside the adapter, format 1.
///
/// What a transformers or PEFT folder cannot say is here; a folder without the file gets transformers' behaviour:
/// all layers, attention as config.json has it, the last token pooled, no calibration, no abstention.
public struct ModelSettings: Sendable, Equatable, Decodable {
    /// The model's name in answers and metrics.
    public var name: String?
    public var version: String?
    /// Only the base's first N layers run; nil runs all.
    public var layers: Int?
    public var attention: String?
    public var pooling: Pooling?
    /// Mean pooling leaves the first token (BOS) out, unless it is the only one.
    public var poolSkipsBOS: Bool?
    /// Tokens of a message that are read, BOS included.
    public var maxTokens: Int?
    public var calibration: Calibration?
    public var abstention: Abstention?
    /// Asks a causal language model by a prompt; for models without a classification head.
    public var prompt: Prompt?
    private var format: Int

    /// Which hidden states the head reads.
    public enum Pooling: String, Sendable, Decodable {
        /// The message's last token.
        case last
        /// The mean over the message's tokens.
        case mean
    }

    /// A prompt, and how the labels are written behind it. A label's score is the log-probability of its tokens.
    public struct Prompt: Sendable, Equatable, Decodable {
        /// Text with `{text}` where the message goes, and something behind it.
        public var template: String
        /// What a label is written as, where that is not its name.
        public var continuations: [String: String]?
        /// Written behind every label, e.g. a line break; then no label is the beginning of another.
        public var ending: String?
    }

    /// How logits become probabilities.
    public struct Calibration: Sendable, Equatable, Decodable {
        /// p = softmax(logits / temperature) (Guo et al. 2017).
        public var temperature: Float
    }

    /// When the model says that it does not know.
    public struct Abstention: Sendable, Equatable, Decodable {
        /// Abstain if the best probability is below this.
        public var minConfidence: Float
        public var outOfScope: OutOfScope?

        enum CodingKeys: String, CodingKey {
            case minConfidence = "min_confidence"
            case outOfScope = "out_of_scope"
        }
    }

    /// A score of how much a message looks like what the model was trained on; abstain below the threshold.
    public struct OutOfScope: Sendable, Equatable, Decodable {
        public var method: Method
        public var threshold: Float
        /// The safetensors file beside `intentd.json` with the score's means; not for `energy`.
        public var tensors: String?

        /// How the score is computed.
        public enum Method: String, Sendable, Decodable {
            /// logsumexp(logits) (Liu et al. 2020).
            case energy
            /// Largest cosine between the centred feature and a class mean.
            case cosine
            /// Minus the smallest squared distance between the projected feature and a class mean (Lee et al. 2018).
            case mahalanobis
        }
    }

    enum CodingKeys: String, CodingKey {
        case name, version, layers, attention, pooling, calibration, abstention, prompt, format
        case poolSkipsBOS = "pool_skips_bos"
        case maxTokens = "max_tokens"
    }

    /// What a folder without the file gets.
    init() { format = 1 }

    /// Reads `intentd.json`.
    /// - Throws: `EngineError.file`, or `EngineError.invalidFile` naming the field.
    init(path: String) throws(EngineError) {
        self = try ModelJSON.decode(ModelSettings.self, path: path) { error in
            (error as? DecodingError).map(Self.describe) ?? "is not valid"
        }
        try check(path)
    }

    private func check(_ path: String) throws(EngineError) {
        func require(_ condition: Bool, _ reason: String) throws(EngineError) {
            if !condition { throw .invalidFile(path: path, reason: reason) }
        }
        try require(format == 1, "format \(format) is not known; this intentd reads format 1")
        try require(layers.map { $0 > 0 } ?? true, "layers must be positive")
        try require(maxTokens.map { (1...8192).contains($0) } ?? true, "max_tokens must be 1 to 8192")
        try require(
            attention.map { AttentionMode(rawValue: $0) != nil } ?? true, "attention must be causal or bidirectional")
        try require(
            calibration.map { $0.temperature.isFinite && $0.temperature > 0 } ?? true,
            "calibration.temperature must be a positive number")
        try require(
            abstention.map { (0...1).contains($0.minConfidence) } ?? true, "abstention.min_confidence must be 0 to 1")
        try require(
            prompt.map { PromptTemplate($0.template) != nil } ?? true,
            "prompt.template must hold {text} once, and go on behind it")
        let scope = abstention?.outOfScope
        try require(scope.map { $0.threshold.isFinite } ?? true, "abstention.out_of_scope.threshold must be finite")
        try require(
            scope.map { $0.method == .energy || $0.tensors != nil } ?? true,
            "abstention.out_of_scope.tensors must name a file")
        try require(
            scope?.tensors.map { !$0.contains("/") } ?? true,
            "abstention.out_of_scope.tensors must be a file name in the same folder")
    }

    private static func describe(_ error: DecodingError) -> String {
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "the document" : path
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(place(context)) lacks \(key.stringValue)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context): return "\(place(context)) has the wrong type"
        case .dataCorrupted(let context): return "\(place(context)) is not valid"
        @unknown default: return "is not valid"
        }
    }
}
