import Checkpoint

/// Where a model's weights come from: a base checkpoint, and an adapter merged into what is read.
struct WeightSource: Sendable {
    private let checkpoint: AdaptedCheckpoint

    var base: CheckpointFolder { checkpoint.base }
    /// Checked against the base already.
    var adapter: Adapter? { checkpoint.adapter }

    /// Whether the base's linear layers are NF4 already.
    var isNF4: Bool { base.configuration.quantization?.kind == .nf4 }

    /// - Throws: `EngineError.adapter` when the adapter does not fit the base.
    init(base: CheckpointFolder, adapter: Adapter?) throws(EngineError) {
        do { checkpoint = try AdaptedCheckpoint(base: base, adapter: adapter) } catch { throw .adapter(error) }
    }

    /// The linear layer at `module`, not yet read.
    /// - Parameters:
    ///   - rows: outputs that it must have, if given.
    ///   - columns: inputs that it must have, if given.
    func linear(_ module: String, rows: Int? = nil, columns: Int? = nil) throws(EngineError) -> MergedLinear {
        let weight: LinearWeight, bias: [Float]?
        do {
            weight = try checkpoint.linear(module, rows: rows, columns: columns)
            bias = try checkpoint.bias(module, count: weight.rows)
        } catch {
            throw .checkpoint(error)
        }
        return MergedLinear(
            weight: weight, update: checkpoint.lora(module),
            bias: try bias.map { values throws(EngineError) in try Self.finite(values, module + ".bias") })
    }

    /// A norm's weight.
    func norm(_ name: String, count: Int) throws(EngineError) -> [Float] {
        let values: [Float]
        do { values = try checkpoint.floats(name, shape: [count]) } catch { throw .checkpoint(error) }
        return try Self.finite(values, name)
    }

    /// A norm's weight where the architecture has that norm.
    func norm(_ name: String?, count: Int) throws(EngineError) -> [Float]? {
        guard let name else { return nil }
        let values: [Float] = try norm(name, count: count)
        return values
    }

    /// The embedding table: [vocabulary, hidden], floating point.
    func embeddings() throws(EngineError) -> TensorView {
        let configuration = base.configuration
        let table: TensorView
        do {
            table = try checkpoint.tensor(
                "model.embed_tokens.weight", shape: [configuration.vocabularySize, configuration.hiddenSize])
        } catch {
            throw .checkpoint(error)
        }
        guard table.type.floatFormat != nil else {
            throw .checkpoint(.safetensors(.notFloatingPoint(tensor: table.name, type: table.type)))
        }
        return table
    }

    /// The language model's head: [vocabulary, hidden]. Tied to the embeddings unless the adapter has one of its own.
    func languageModelHead() throws(EngineError) -> MergedLinear {
        let isAdapted = adapter?.replacements["lm_head.weight"] != nil || adapter?.layers["lm_head"] != nil
        return try linear(
            base.configuration.tiesWordEmbeddings && !isAdapted ? "model.embed_tokens" : "lm_head",
            rows: base.configuration.vocabularySize, columns: base.configuration.hiddenSize)
    }

    /// The classification head's weight as f32, row-major [labels, hidden], and its bias: the adapter's, else the
    /// base's, with the adapter's update if it has one.
    func head(hiddenSize: Int) throws(EngineError) -> (rows: Int, weight: [Float], bias: [Float]?) {
        for name in ["score", "classifier"] {
            guard let tensor = checkpoint.tensorIfPresent(name + ".weight") else { continue }
            guard tensor.shape.count == 2, tensor.columns == hiddenSize, tensor.rows > 0 else {
                throw .checkpoint(
                    .wrongShape(tensor: tensor.name, expected: [tensor.rows, hiddenSize], found: tensor.shape))
            }
            let head = try linear(name, rows: tensor.rows, columns: hiddenSize)
            let weight = try ReferenceMatrix(head).values
            return (head.rows, try Self.finite(weight, tensor.name), head.bias)
        }
        throw .mismatch(
            "\(adapter?.path ?? base.path) has no classification head (score.weight); a causal language model needs "
                + "a prompt in intentd.json")
    }

    /// What is packed is checked by its kernel; everything else is here, so that a spoilt file is refused by name
    /// instead of giving no answers.
    private static func finite(_ values: [Float], _ name: String) throws(EngineError) -> [Float] {
        guard values.allSatisfy(\.isFinite) else { throw .mismatch("\(name) holds a NaN or an infinity") }
        return values
    }
}
