import Checkpoint

/// Where a model's weights come from: a base checkpoint, and an adapter merged into what is read.
struct WeightSource: Sendable {
    let base: CheckpointFolder
    /// Checked against the base already.
    let adapter: Adapter?

    /// - Throws: `EngineError.adapter` when the adapter does not fit the base.
    init(base: CheckpointFolder, adapter: Adapter?) throws(EngineError) {
        do { try adapter?.check(against: base) } catch { throw .adapter(error) }
        self.base = base
        self.adapter = adapter
    }

    /// The linear layer at `module`, not yet read.
    func linear(_ module: String) throws(EngineError) -> MergedLinear {
        do {
            let weight = try base.linear(module)
            let update = adapter?.layers[module]
            var bias = try vector(module + ".bias", count: weight.rows)
            if let update, let upBias = update.upBias {
                let base = bias ?? [Float](repeating: 0, count: weight.rows)
                bias = zip(base, upBias).map { $0 + update.scale * $1 }
            }
            let replacement = adapter?.replacements[module + ".weight"]
            return MergedLinear(weight: replacement.map { .dense($0) } ?? weight, update: update, bias: bias)
        } catch let error as CheckpointError {
            throw .checkpoint(error)
        } catch {
            throw .mismatch("\(module): \(error)")
        }
    }

    /// A norm's weight.
    func norm(_ name: String, count: Int) throws(EngineError) -> [Float] {
        do {
            guard let values = try vector(name, count: count) else {
                throw CheckpointError.missingTensor(path: base.path, tensor: name)
            }
            return values
        } catch let error as CheckpointError {
            throw .checkpoint(error)
        } catch {
            throw .mismatch("\(name): \(error)")
        }
    }

    /// A norm's weight where the architecture has that norm.
    func norm(_ name: String?, count: Int) throws(EngineError) -> [Float]? {
        guard let name else { return nil }
        let values: [Float] = try norm(name, count: count)
        return values
    }

    /// A vector of the adapter, else of the base, else nil.
    private func vector(_ name: String, count: Int) throws -> [Float]? {
        if let replacement = adapter?.replacements[name] {
            guard replacement.shape == [count] else {
                throw CheckpointError.wrongShape(tensor: name, expected: [count], found: replacement.shape)
            }
            return try replacement.floats()
        }
        return base.tensorIfPresent(name) == nil ? nil : try base.floats(name, shape: [count])
    }

    /// The embedding table: [vocabulary, hidden], floating point.
    func embeddings() throws(EngineError) -> TensorView {
        let configuration = base.configuration
        let table: TensorView
        do {
            table = try base.tensor(
                "model.embed_tokens.weight", shape: [configuration.vocabularySize, configuration.hiddenSize])
        } catch {
            throw .checkpoint(error)
        }
        guard table.type.floatFormat != nil else {
            throw .checkpoint(.safetensors(.notFloatingPoint(tensor: table.name, type: table.type)))
        }
        return table
    }

    /// The classification head's weight as f32, row-major [labels, hidden], and its bias: the adapter's, else the
    /// base's.
    func head(hiddenSize: Int) throws(EngineError) -> (rows: Int, weight: [Float], bias: [Float]?) {
        for name in ["score", "classifier"] {
            let tensor = adapter?.replacements[name + ".weight"] ?? base.tensorIfPresent(name + ".weight")
            guard let tensor else { continue }
            guard tensor.shape.count == 2, tensor.columns == hiddenSize, tensor.rows > 0 else {
                throw .checkpoint(
                    .wrongShape(tensor: tensor.name, expected: [tensor.rows, hiddenSize], found: tensor.shape))
            }
            do {
                return (tensor.rows, try tensor.floats(), try vector(name + ".bias", count: tensor.rows))
            } catch let error as CheckpointError {
                throw .checkpoint(error)
            } catch {
                throw .mismatch("\(tensor.name): \(error)")
            }
        }
        throw .mismatch("neither \(adapter?.path ?? base.path) nor its base has a classification head (score.weight)")
    }
}
