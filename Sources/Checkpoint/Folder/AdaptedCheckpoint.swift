/// A base and, optionally, an adapter on it, read as one model: what an engine loads its weights through.
///
/// Names are in transformers' spelling; see ``CheckpointFolder``. Modules that the adapter saved whole and biases that
/// it trained stand in for the base's.
public struct AdaptedCheckpoint: Sendable {
    public let base: CheckpointFolder
    public let adapter: Adapter?

    public var configuration: ModelConfiguration { base.configuration }

    /// Joins the two after checking that they fit.
    public init(base: CheckpointFolder, adapter: Adapter? = nil) throws(AdapterError) {
        try adapter?.check(against: base)
        self.base = base
        self.adapter = adapter
    }

    /// The tensor of this name, from the adapter if it replaces it, or nil.
    public func tensorIfPresent(_ name: String) -> TensorView? {
        adapter?.replacements[name] ?? base.tensorIfPresent(name)
    }

    /// The tensor of this name, from the adapter if it replaces it.
    public func tensor(_ name: String, shape: [Int]? = nil) throws(CheckpointError) -> TensorView {
        guard let replacement = adapter?.replacements[name] else { return try base.tensor(name, shape: shape) }
        if let shape, replacement.shape != shape {
            throw .wrongShape(tensor: name, expected: shape, found: replacement.shape)
        }
        return replacement
    }

    /// A floating-point tensor, all of it as f32.
    public func floats(_ name: String, shape: [Int]? = nil) throws(CheckpointError) -> [Float] {
        let tensor = try tensor(name, shape: shape)
        do { return try tensor.floats() } catch { throw .safetensors(error) }
    }

    /// The weight of a linear layer before its low-rank update.
    public func linear(_ module: String, rows: Int? = nil, columns: Int? = nil) throws(CheckpointError)
        -> LinearWeight
    {
        guard let replacement = adapter?.replacements[module + ".weight"] else {
            return try base.linear(module, rows: rows, columns: columns)
        }
        let expected = [rows ?? replacement.rows, columns ?? replacement.columns]
        guard replacement.shape == expected else {
            throw .wrongShape(tensor: module + ".weight", expected: expected, found: replacement.shape)
        }
        return .dense(replacement)
    }

    /// The low-rank update of a linear layer, if the adapter has one.
    public func lora(_ module: String) -> LoRALayer? { adapter?.layers[module] }

    /// The bias of a linear layer with the adapter's part in it; nil if it has none.
    public func bias(_ module: String, count: Int) throws(CheckpointError) -> [Float]? {
        let update = lora(module).flatMap { layer in layer.upBias.map { $0.map { $0 * layer.scale } } }
        guard tensorIfPresent(module + ".bias") != nil else { return update }
        let bias = try floats(module + ".bias", shape: [count])
        guard let update else { return bias }
        return zip(bias, update).map { $0 + $1 }
    }

    /// Rows of a linear layer's merged weight as f32: the base decoded, plus the low-rank update if there is one.
    ///
    /// Rows are independent; several threads may read different rows at once.
    /// - Parameter destination: at least `rows.count * columns` floats.
    public func readMerged(
        _ module: String, rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
        let weight = try linear(module)
        try weight.readFloats(rows: rows, into: destination)
        lora(module)?.merge(rows: rows, into: destination)
    }
}
