import Checkpoint

/// A linear layer in f32: [rows, columns], row-major.
struct ReferenceMatrix: Sendable {
    var rows: Int
    var columns: Int
    var values: [Float]
    var bias: [Float]?

    /// Reads and merges a layer.
    init(_ linear: MergedLinear) throws(EngineError) {
        rows = linear.rows
        columns = linear.columns
        bias = linear.bias
        var values = [Float](repeating: 0, count: linear.rows * linear.columns)
        try values.withUnsafeMutableBufferPointer { buffer throws(EngineError) in
            try linear.read(rows: 0..<linear.rows, into: buffer)
        }
        self.values = values
    }
}

/// One layer's weights in f32.
struct ReferenceLayer: Sendable {
    var query, key, value, output, gate, up, down: ReferenceMatrix
    var attentionNorm, feedForwardNorm: [Float]
    var attentionOutputNorm, feedForwardOutputNorm, queryNorm, keyNorm: [Float]?

    /// How many numbers its norms and biases hold.
    fileprivate var normsAndBiases: Int {
        let norms = [
            attentionNorm, feedForwardNorm, attentionOutputNorm, feedForwardOutputNorm, queryNorm, keyNorm,
        ]
        let biases = [query, key, value, output, gate, up, down].map(\.bias)
        return (norms + biases).reduce(0) { $0 + ($1?.count ?? 0) }
    }
}

/// All weights of a model in f32, the adapter merged; embeddings stay in the mapped file.
struct ReferenceWeights: Sendable {
    var layers: [ReferenceLayer]
    var finalNorm: [Float]
    var rotary: [RotaryTable]
    private let embeddings: TensorView

    init(_ source: WeightSource, plan: DecoderPlan, positions: Int) throws(EngineError) {
        let hidden = plan.hiddenSize, head = plan.headSize, feedForward = plan.intermediateSize
        func matrix(_ module: String, _ rows: Int, _ columns: Int) throws(EngineError) -> ReferenceMatrix {
            try ReferenceMatrix(source.linear(module, rows: rows, columns: columns))
        }
        var layers: [ReferenceLayer] = []
        for index in plan.layers.indices {
            let names = LayerModules(index)
            layers.append(
                ReferenceLayer(
                    query: try matrix(names.query, plan.querySize, hidden),
                    key: try matrix(names.key, plan.keyValueSize, hidden),
                    value: try matrix(names.value, plan.keyValueSize, hidden),
                    output: try matrix(names.output, hidden, plan.querySize),
                    gate: try matrix(names.gate, feedForward, hidden), up: try matrix(names.up, feedForward, hidden),
                    down: try matrix(names.down, hidden, feedForward),
                    attentionNorm: try source.norm(names.norm(plan.norms.attention), count: hidden),
                    feedForwardNorm: try source.norm(names.norm(plan.norms.feedForward), count: hidden),
                    attentionOutputNorm: try source.norm(names.norm(plan.norms.attentionOutput), count: hidden),
                    feedForwardOutputNorm: try source.norm(names.norm(plan.norms.feedForwardOutput), count: hidden),
                    queryNorm: try source.norm(names.norm(plan.norms.query), count: head),
                    keyNorm: try source.norm(names.norm(plan.norms.key), count: head)))
        }
        self.layers = layers
        finalNorm = try source.norm("model.norm.weight", count: hidden)
        rotary = plan.rotary.map { RotaryTable($0, headSize: plan.headSize, positions: positions) }
        embeddings = try source.embeddings()
    }

    /// What the decoder holds but for the embeddings, by part.
    var memory: [MemoryPart] {
        func part(_ name: String, _ matrices: (ReferenceLayer) -> [ReferenceMatrix]) -> MemoryPart {
            let bytes = layers.flatMap(matrices).reduce(0) { $0 + $1.values.count * MemoryLayout<Float>.stride }
            return MemoryPart(name: name, bytes: bytes, f32Bytes: bytes)
        }
        return [
            part("attention") { [$0.query, $0.key, $0.value, $0.output] },
            part("feed-forward") { [$0.gate, $0.up, $0.down] },
            MemoryPart(
                name: "norms and biases", floats: layers.reduce(finalNorm.count) { $0 + $1.normsAndBiases }),
            MemoryPart(name: "rotary tables", floats: rotary.reduce(0) { $0 + $1.count }),
        ]
    }

    /// One row of the embedding table, unscaled.
    func embedding(_ id: Int32) -> [Float] {
        var row = [Float](repeating: 0, count: embeddings.columns)
        row.withUnsafeMutableBufferPointer { buffer in
            // The type was checked when the source opened the table.
            try? embeddings.readFloats(rows: Int(id)..<Int(id) + 1, into: buffer)
        }
        return row
    }
}
