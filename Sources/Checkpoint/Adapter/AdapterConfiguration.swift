/// The part of PEFT's `adapter_config.json` that decides what an adapter computes. Everything else that would change
/// the result is refused by name when the file is read.
public struct AdapterConfiguration: Sendable {
    /// Which biases were trained along.
    enum Bias: String, Sendable {
        case none
        case all
        case loraOnly = "lora_only"
    }

    /// What the adapted model was trained for.
    enum Task: String, Sendable {
        case sequenceClassification = "SEQ_CLS"
        case causalLanguageModel = "CAUSAL_LM"
        case featureExtraction = "FEATURE_EXTRACTION"
    }

    /// Nil if the file does not say.
    let task: Task?
    public var rank: Int
    public var alpha: Double
    public var usesRankStabilizedScale: Bool
    public var usesDoRA: Bool
    /// Which biases ``Adapter`` must hold.
    let bias: Bias
    /// Ends of the paths of modules saved whole, beside the low-rank ones: ``Adapter`` must hold those that the base
    /// has.
    let modulesToSave: [String]
    /// The base that the adapter was trained on, as the file names it.
    public var baseModel: String?

    var rankPattern: [(pattern: ModulePattern, value: Int)]
    var alphaPattern: [(pattern: ModulePattern, value: Double)]

    /// Reads and checks the document at `path`.
    public init(path: String) throws(AdapterError) {
        let document: JSONValue
        do { document = try JSONFile.read(path) } catch { throw .configuration(error) }
        guard let object = document.object else { throw .invalid(field: "document", reason: "is not a JSON object") }
        try self.init(object)
    }

    init(_ object: JSONValue.Object) throws(AdapterError) {
        guard let method = object["peft_type"]?.string else { throw .missing(field: "peft_type") }
        guard method == "LORA" else { throw .unsupportedMethod(method) }
        try Self.refuseWhatIsNotImplemented(object)

        switch object["task_type"] ?? .null {
        case .null: task = nil
        case .string(let name):
            // The head of another task would be read as one of whole messages.
            guard let known = Task(rawValue: name) else { throw .unsupportedFeature("task_type \"\(name)\"") }
            task = known
        default: throw .invalid(field: "task_type", reason: "is not a string")
        }
        baseModel = object["base_model_name_or_path"]?.string
        rank = try Self.rank(object["r"] ?? .integer(8), field: "r")
        alpha = try Self.alpha(object["lora_alpha"] ?? .integer(8), field: "lora_alpha")
        usesRankStabilizedScale = try Self.flag(object, "use_rslora")
        usesDoRA = try Self.flag(object, "use_dora")
        switch object["bias"] ?? .null {
        case .null: bias = .none
        case .string(let name):
            guard let known = Bias(rawValue: name) else { throw .unsupportedFeature("bias \"\(name)\"") }
            bias = known
        default: throw .invalid(field: "bias", reason: "is not a string")
        }
        modulesToSave = try Self.names(object, "modules_to_save")
        rankPattern = []
        for (pattern, value) in try Self.patterns(object, "rank_pattern") {
            rankPattern.append((pattern, try Self.rank(value, field: "rank_pattern")))
        }
        alphaPattern = []
        for (pattern, value) in try Self.patterns(object, "alpha_pattern") {
            alphaPattern.append((pattern, try Self.alpha(value, field: "alpha_pattern")))
        }
    }

    /// The rank that the configuration gives to a module: the first pattern that matches, or the global one.
    public func rank(of module: String) -> Int {
        rankPattern.first { $0.pattern.matches(module) }?.value ?? rank
    }

    /// What `B A` is multiplied by for a module: alpha / r, or alpha / sqrt(r) with rank stabilisation
    /// (Kalajdzievski 2023, arXiv 2312.03732).
    public func scale(of module: String) -> Float {
        let alpha = alphaPattern.first { $0.pattern.matches(module) }?.value ?? alpha
        let rank = Double(rank(of: module))
        return Float(alpha / (usesRankStabilizedScale ? rank.squareRoot() : rank))
    }

    private static func rank(_ value: JSONValue, field: String) throws(AdapterError) -> Int {
        guard let rank = value.integer, (1...65536).contains(rank) else {
            throw .invalid(field: field, reason: "is not a rank from 1 to 65536")
        }
        return rank
    }

    private static func alpha(_ value: JSONValue, field: String) throws(AdapterError) -> Double {
        guard let alpha = value.double, alpha.isFinite, abs(alpha) <= 1e9 else {
            throw .invalid(field: field, reason: "is not a finite number")
        }
        return alpha
    }

    private static func flag(_ object: JSONValue.Object, _ name: String) throws(AdapterError) -> Bool {
        switch object[name] ?? .null {
        case .null: return false
        case .bool(let value): return value
        default: throw .invalid(field: name, reason: "is not true or false")
        }
    }

    private static func names(_ object: JSONValue.Object, _ name: String) throws(AdapterError) -> [String] {
        guard let value = object[name], !value.isNull else { return [] }
        var names: [String] = []
        for element in value.array ?? [.null] {
            guard let text = element.string else { throw .invalid(field: name, reason: "is not a list of names") }
            names.append(text)
        }
        return names
    }

    private static func patterns(
        _ object: JSONValue.Object, _ name: String
    ) throws(AdapterError) -> [(ModulePattern, JSONValue)] {
        guard let value = object[name], !value.isNull else { return [] }
        guard let members = value.object?.members else { throw .invalid(field: name, reason: "is not an object") }
        guard members.count <= 4096 else { throw .invalid(field: name, reason: "has more than 4096 patterns") }
        var result: [(ModulePattern, JSONValue)] = []
        for (text, value) in members {
            guard let pattern = ModulePattern(text) else { throw .unsupportedPattern(field: name, pattern: text) }
            result.append((pattern, value))
        }
        return result
    }

    /// Options of PEFT's `LoraConfig` that change the result and are not implemented here.
    private static func refuseWhatIsNotImplemented(_ object: JSONValue.Object) throws(AdapterError) {
        let refused = [
            ("layer_replication", "layer_replication"),
            ("target_parameters", "target_parameters"),
            ("trainable_token_indices", "trainable_token_indices (trainable tokens)"),
            ("alora_invocation_tokens", "alora_invocation_tokens (activated LoRA)"),
            ("use_qalora", "use_qalora (QALoRA)"),
            ("use_bdlora", "use_bdlora (BD-LoRA)"),
            ("arrow_config", "arrow_config (Arrow routing)"),
            ("kasa_config", "kasa_config (KaSA)"),
            ("monteclora_config", "monteclora_config (MonteCLoRA)"),
            ("velora_config", "velora_config (VeLoRA)"),
            ("megatron_config", "megatron_config (Megatron layers)"),
        ]
        for (field, name) in refused {
            switch object[field] ?? .null {
            case .null, .bool(false): continue
            case .array(let elements) where elements.isEmpty: continue
            case .object(let members) where members.members.isEmpty: continue
            default: throw .unsupportedFeature(name)
            }
        }
        switch object["init_lora_weights"] ?? .null {
        case .null, .bool: break
        case .string(let name):
            // These only choose the start of A and B; the others rewrite the base weights or may do so.
            guard ["gaussian", "eva", "orthogonal"].contains(name.lowercased()) else {
                throw .unsupportedInitialisation(name)
            }
        default: throw .invalid(field: "init_lora_weights", reason: "is neither a flag nor a name")
        }
    }
}
