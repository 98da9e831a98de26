/// A PEFT LoRA adapter: `adapter_config.json` and `adapter_model.safetensors` as `save_pretrained` writes them.
///
/// The tensors in the file decide which layers are adapted; the configuration only says how to scale them.
public struct Adapter: Sendable {
    public let path: String
    public let configuration: AdapterConfiguration
    /// Low-rank updates by module, in transformers' spelling (`model.layers.0.self_attn.q_proj`).
    public let layers: [String: LoRALayer]
    /// Tensors that replace those of the base, by name in transformers' spelling: modules saved whole
    /// (`score.weight`) and trained biases.
    public let replacements: [String: TensorView]

    /// Largest file of weights accepted, in bytes; it is read to memory whole. Adapters have some megabytes, and with
    /// the embeddings saved beside them some hundred.
    static let weightsLimit = 1 << 32

    /// Opens the adapter in `folder` and reads it to memory: afterwards its files may be written over.
    /// - Throws: ``AdapterError``.
    public init(path folder: String) throws(AdapterError) {
        guard FileSystem.isFolder(folder) else { throw .notAFolder(path: folder) }
        let configuration = try AdapterConfiguration(path: folder + "/adapter_config.json")
        let weights = folder + "/adapter_model.safetensors"
        if !FileSystem.exists(weights), FileSystem.exists(folder + "/adapter_model.bin") {
            throw .pickledWeights(path: folder + "/adapter_model.bin")
        }
        let file: SafetensorsFile
        do { file = try SafetensorsFile(copying: weights, limit: Self.weightsLimit) } catch { throw .weights(error) }
        try self.init(path: folder, configuration: configuration, file: file)
    }

    init(path: String, configuration: AdapterConfiguration, file: SafetensorsFile) throws(AdapterError) {
        guard !file.tensors.isEmpty else { throw .empty(path: file.path) }
        var parts: [String: LoRAParts] = [:]
        var replacements: [String: TensorView] = [:]
        for tensor in file.tensors {
            let name = try AdapterTensorName(tensor.name)
            switch name.role {
            case .replacement:
                guard tensor.type.floatFormat != nil else {
                    throw .weights(.notFloatingPoint(tensor: tensor.name, type: tensor.type))
                }
                let own: TensorView
                do { own = try tensor.detached() } catch { throw .weights(error) }
                guard replacements.updateValue(own, forKey: name.target) == nil else {
                    throw .duplicateTensor(name.target)
                }
            case .embedding: throw .embeddingAdapter(name.target)
            case .part(let part):
                guard parts[name.target, default: LoRAParts(path: name.module)].add(part, tensor) else {
                    throw .duplicateTensor(tensor.name)
                }
            }
        }
        var layers: [String: LoRALayer] = [:]
        for (module, parts) in parts {
            layers[module] = try parts.layer(module, configuration)
        }
        self.path = path
        self.configuration = configuration
        self.layers = layers
        self.replacements = replacements
    }

    /// Checks that every adapted module is in the base with the same shape, and that nothing that was trained is
    /// missing.
    /// - Throws: ``AdapterError/moduleNotInBase(_:)``, ``AdapterError/doesNotFit(module:adapter:base:)``,
    ///   ``AdapterError/notSaved(tensor:field:)``.
    public func check(against base: CheckpointFolder) throws(AdapterError) {
        for (module, layer) in layers.sorted(by: { $0.key < $1.key }) {
            let weight: LinearWeight
            do {
                weight = try base.linear(module)
            } catch {
                if case .missingTensor = error { throw .moduleNotInBase(module) }
                throw .base(error)
            }
            guard weight.rows == layer.rows, weight.columns == layer.columns else {
                throw .doesNotFit(
                    module: module, adapter: [layer.rows, layer.columns], base: [weight.rows, weight.columns])
            }
        }
        for (name, tensor) in replacements.sorted(by: { $0.key < $1.key }) {
            // A head is new by nature; anything else must be there and keep its shape.
            guard let original = base.tensorIfPresent(name) else {
                if Adapter.headNames.contains(name) { continue }
                throw .moduleNotInBase(name)
            }
            let shape = try Adapter.shape(of: name, original, in: base)
            if shape != tensor.shape, !Adapter.headNames.contains(name) {
                throw .doesNotFit(module: name, adapter: tensor.shape, base: shape)
            }
        }
        try checkCompleteness(against: base)
    }

    /// Tensors that a classification adapter may bring without the base having them.
    static let headNames: Set<String> = [
        "score.weight", "score.bias", "classifier.weight", "classifier.bias", "lm_head.weight",
    ]

    private static func shape(
        of name: String, _ tensor: TensorView, in base: CheckpointFolder
    ) throws(AdapterError) -> [Int] {
        guard name.hasSuffix(".weight"), tensor.type.floatFormat == nil || tensor.shape.last == 1 else {
            return tensor.shape
        }
        do {
            let weight = try base.linear(String(name.dropLast(7)))
            return [weight.rows, weight.columns]
        } catch {
            throw .base(error)
        }
    }
}

/// The tensors of one adapted module while an adapter is being read.
private struct LoRAParts {
    /// The module as the trained model spells it.
    let path: String
    private var tensors: [AdapterTensorName.Part: TensorView] = [:]

    init(path: String) { self.path = path }

    mutating func add(_ part: AdapterTensorName.Part, _ tensor: TensorView) -> Bool {
        tensors.updateValue(tensor, forKey: part) == nil
    }

    func layer(_ module: String, _ configuration: AdapterConfiguration) throws(AdapterError) -> LoRALayer {
        guard let a = tensors[.a] else { throw .unpaired(module: module, missing: "lora_A.weight") }
        guard let b = tensors[.b] else { throw .unpaired(module: module, missing: "lora_B.weight") }
        guard a.shape.count == 2, a.shape.allSatisfy({ $0 > 0 }) else {
            throw .wrongShape(tensor: a.name, shape: a.shape)
        }
        guard b.shape.count == 2, b.shape.allSatisfy({ $0 > 0 }) else {
            throw .wrongShape(tensor: b.name, shape: b.shape)
        }
        let rank = a.shape[0]
        guard b.shape[1] == rank else { throw .rankMismatch(module: module, configured: rank, found: b.shape[1]) }
        let configured = configuration.rank(of: path)
        guard configured == rank else { throw .rankMismatch(module: module, configured: configured, found: rank) }
        let rows = b.shape[0]
        let (_, overflow) = rows.multipliedReportingOverflow(by: a.shape[1])
        guard !overflow else { throw .wrongShape(tensor: b.name, shape: b.shape) }
        if configuration.usesDoRA, tensors[.magnitude] == nil {
            throw .unpaired(module: module, missing: "lora_magnitude_vector")
        }
        if !configuration.usesDoRA, let stray = tensors[.magnitude] { throw .unrecognisedTensor(stray.name) }
        return LoRALayer(
            module: module, rank: rank, rows: rows, columns: a.shape[1],
            a: try Self.floats(a), b: try Self.floats(b), scale: configuration.scale(of: path),
            magnitude: try vector(.magnitude, count: rows), upBias: try vector(.upBias, count: rows))
    }

    private func vector(_ part: AdapterTensorName.Part, count: Int) throws(AdapterError) -> [Float]? {
        guard let tensor = tensors[part] else { return nil }
        guard tensor.elementCount == count else { throw .wrongShape(tensor: tensor.name, shape: tensor.shape) }
        return try Self.floats(tensor)
    }

    private static func floats(_ tensor: TensorView) throws(AdapterError) -> [Float] {
        let values: [Float]
        do { values = try tensor.floats() } catch { throw .weights(error) }
        guard values.allSatisfy(\.isFinite) else { throw .notFinite(tensor: tensor.name) }
        return values
    }
}
