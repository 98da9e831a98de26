/// Typed, checked access to the members of a `config.json` object. A member that is `null` counts as absent.
struct ConfigurationFields {
    private let object: JSONValue.Object

    init(_ object: JSONValue.Object) { self.object = object }

    subscript(name: String) -> JSONValue? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    /// The member if it is a string; nil if it is anything else.
    func text(_ name: String) -> String? { self[name]?.string }

    /// The first member that is there, for fields with two spellings.
    func string(_ name: String, or other: String? = nil) throws(ConfigurationError) -> String? {
        guard let value = self[name] else { return if let other { try string(other) } else { nil } }
        guard let text = value.string else { throw .invalid(field: name, reason: "is not a string") }
        return text
    }

    /// The first member that is there, for fields with two spellings.
    func bool(_ name: String, or other: String? = nil) throws(ConfigurationError) -> Bool? {
        guard let value = self[name] else { return if let other { try bool(other) } else { nil } }
        guard let flag = value.bool else { throw .invalid(field: name, reason: "is not true or false") }
        return flag
    }

    func extent(_ name: String, limit: Int = ModelConfiguration.extentLimit) throws(ConfigurationError) -> Int {
        guard let value = try extentIfPresent(name, limit: limit) else { throw .missing(field: name) }
        return value
    }

    func extentIfPresent(
        _ name: String, limit: Int = ModelConfiguration.extentLimit
    ) throws(ConfigurationError) -> Int? {
        guard let value = self[name] else { return nil }
        guard let number = value.integer, (1...limit).contains(number) else {
            throw .invalid(field: name, reason: "is not a whole number from 1 to \(limit)")
        }
        return number
    }

    func number(
        _ name: String, default fallback: Double, in range: ClosedRange<Double>
    ) throws(ConfigurationError) -> Double {
        guard let value = self[name] else { return fallback }
        guard let number = value.double, range.contains(number) else {
            throw .invalid(field: name, reason: "is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func requiredNumber(_ name: String, in range: ClosedRange<Double>) throws(ConfigurationError) -> Double {
        guard self[name] != nil else { throw .missing(field: name) }
        return try number(name, default: 0, in: range)
    }

    func softcap(_ name: String) throws(ConfigurationError) -> Float? {
        self[name] == nil ? nil : Float(try number(name, default: 0, in: 1e-6...1e9))
    }

    func activation(
        default fallback: ModelConfiguration.Activation
    ) throws(ConfigurationError) -> ModelConfiguration.Activation {
        switch try string("hidden_activation", or: "hidden_act") {
        case nil: return fallback
        case "silu", "swish": return .silu
        case "gelu_pytorch_tanh", "gelu_new": return .geluTanh
        case "gelu": return .gelu
        case let other?: throw .unsupportedActivation(other)
        }
    }

    /// The sliding window; a Mistral file may say `null` for none, an absent one means the family's default.
    func window(_ architecture: ModelConfiguration.Architecture) throws(ConfigurationError) -> Int? {
        if architecture == .llama { return nil }
        if let window = try extentIfPresent("sliding_window") { return window }
        return object["sliding_window"] == nil ? 4096 : nil
    }

    func layerKinds(
        _ architecture: ModelConfiguration.Architecture, count: Int, window: Int?
    ) throws(ConfigurationError) -> [ModelConfiguration.AttentionKind] {
        switch architecture {
        case .llama: return Array(repeating: .full, count: count)
        case .mistral: return Array(repeating: window == nil ? .full : .sliding, count: count)
        case .gemma3: break
        }
        var kinds: [ModelConfiguration.AttentionKind] = []
        if let listed = self["layer_types"] {
            guard let names = listed.array, names.count >= count else {
                throw .invalid(field: "layer_types", reason: "does not list num_hidden_layers (\(count)) layers")
            }
            for name in names.prefix(count) {
                guard let kind = name.string.flatMap(ModelConfiguration.AttentionKind.init(rawValue:)) else {
                    throw .invalid(field: "layer_types", reason: "may hold full_attention and sliding_attention only")
                }
                kinds.append(kind)
            }
        } else {
            let name = self["sliding_window_pattern"] == nil ? "_sliding_window_pattern" : "sliding_window_pattern"
            let pattern = try extentIfPresent(name) ?? 6
            kinds = (0..<count).map { ($0 + 1) % pattern == 0 ? .full : .sliding }
        }
        if kinds.contains(.sliding), window == nil {
            throw .invalid(field: "sliding_window", reason: "is null, but some layers are sliding_attention")
        }
        return kinds
    }

    func token(_ name: String, _ vocabulary: Int, default fallback: Int?) throws(ConfigurationError) -> Int? {
        guard let member = object[name] else { return fallback.flatMap { $0 < vocabulary ? $0 : nil } }
        return member.isNull ? nil : try Self.tokens(name, member, vocabulary, default: []).first
    }

    static func tokens(
        _ name: String, _ value: JSONValue?, _ vocabulary: Int, default fallback: [Int]
    ) throws(ConfigurationError) -> [Int] {
        guard let value else { return fallback.filter { $0 < vocabulary } }
        var tokens: [Int] = []
        for element in value.array ?? [value] {
            // transformers uses -1 for "none" in some older files; ids past the vocabulary occur too and match nothing.
            guard let id = element.integer else { throw .invalid(field: name, reason: "is not a token id") }
            if id >= 0, id < vocabulary { tokens.append(id) }
        }
        return tokens
    }

    /// `id2label`, which must name 0..<count without gaps; the placeholder labels LABEL_0... are kept.
    func labels() throws(ConfigurationError) -> [String] {
        guard let value = self["id2label"] else { return [] }
        guard let members = value.object?.members else { throw .invalid(field: "id2label", reason: "is not an object") }
        var names = [String?](repeating: nil, count: members.count)
        for (key, value) in members {
            guard let id = Int(key), names.indices.contains(id), names[id] == nil, let name = value.string else {
                throw .invalid(field: "id2label", reason: "does not map 0..<\(members.count) to strings")
            }
            names[id] = name
        }
        return names.compactMap { $0 }
    }
}
