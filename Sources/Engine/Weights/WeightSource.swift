import Checkpoint

/// Where a model's weights come from: a base checkpoint, and an adapter merged into what is read.
struct WeightSource {
    let folder: CheckpointFolder

    /// One linear layer, not yet read.
    struct Linear {
        let rows: Int
        let columns: Int
        /// One value an output, if the layer has a bias.
        let bias: [Float]?
        fileprivate let weight: LinearWeight

        /// Writes rows of the merged weight as f32.
        func read(rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>) throws(EngineError) {
            do { try weight.readFloats(rows: rows, into: destination) } catch { throw .checkpoint(error) }
        }
    }

    func linear(_ module: String) throws(EngineError) -> Linear {
        do {
            let weight = try folder.linear(module)
            let biasName = module + ".bias"
            let bias = folder.tensorIfPresent(biasName) == nil
                ? nil : try folder.floats(biasName, shape: [weight.rows])
            return Linear(rows: weight.rows, columns: weight.columns, bias: bias, weight: weight)
        } catch {
            throw .checkpoint(error)
        }
    }

    /// A norm's weight.
    func norm(_ name: String) throws(EngineError) -> [Float] {
        do { return try folder.floats(name) } catch { throw .checkpoint(error) }
    }

    /// A norm's weight where the architecture has that norm.
    func norm(_ name: String?) throws(EngineError) -> [Float]? {
        guard let name else { return nil }
        return try norm(name)
    }

    /// The embedding table: [vocabulary, hidden], floating point.
    func embeddings() throws(EngineError) -> TensorView {
        let configuration = folder.configuration
        let table: TensorView
        do {
            table = try folder.tensor(
                "model.embed_tokens.weight", shape: [configuration.vocabularySize, configuration.hiddenSize])
        } catch {
            throw .checkpoint(error)
        }
        guard table.type.floatFormat != nil else {
            throw .checkpoint(.safetensors(.notFloatingPoint(tensor: table.name, type: table.type)))
        }
        return table
    }
}
