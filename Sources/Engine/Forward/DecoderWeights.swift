import CKernels
import Checkpoint

/// One decoder layer, packed.
struct DecoderLayer: Sendable {
    /// Query, key and value projections as one product.
    let projections: PackedLinear
    /// Attention's output projection.
    let output: PackedLinear
    /// Gate and up as one product.
    let gates: PackedLinear
    let down: PackedLinear
    let attentionNorm, feedForwardNorm: NormWeight
    let attentionOutputNorm, feedForwardOutputNorm, queryNorm, keyNorm: NormWeight?
}

/// The weight of an RMSNorm, as the file has it.
struct NormWeight: Sendable {
    private let values: AlignedBuffer<Float>

    init(_ weight: [Float]) {
        values = AlignedBuffer(count: weight.count)
        for (index, value) in weight.enumerated() { values[index] = value }
    }

    var pointer: UnsafePointer<Float> { UnsafePointer(values.pointer) }
    /// How many numbers it holds.
    var count: Int { values.count }
}

/// All weights of a decoder, packed for one precision. Embeddings stay in the mapped file.
struct DecoderWeights: Sendable {
    let layers: [DecoderLayer]
    let finalNorm: NormWeight
    let embeddings: TensorView
    let rotary: [RotaryTable]

    /// Ranks of the side products of one packed layer together, at most.
    var largestRank: Int {
        layers.flatMap { [$0.projections, $0.output, $0.gates, $0.down] }
            .map { $0.sideProducts?.rank ?? 0 }.max() ?? 0
    }

    /// Reads, merges and packs every layer of `plan`.
    /// - Parameter progress: called after each layer with the layers done.
    init(
        _ source: WeightSource, plan: DecoderPlan, positions: Int, format: ck_format, group: Int,
        kernels: KernelSet, pool: ForkJoinPool, progress: (Int) -> Void = { _ in }
    ) throws(EngineError) {
        let arena = WeightArena()
        func packed(_ modules: [String], _ shape: (rows: [Int], columns: Int)) throws(EngineError) -> PackedLinear {
            var parts: [MergedLinear] = []
            for (module, rows) in zip(modules, shape.rows) {
                parts.append(try source.linear(module, rows: rows, columns: shape.columns))
            }
            return try PackedLinear(parts, format: format, group: group, kernels: kernels, pool: pool, in: arena)
        }
        func norm(_ name: String, _ count: Int) throws(EngineError) -> NormWeight {
            NormWeight(try source.norm(name, count: count))
        }
        func norm(_ name: String?, _ count: Int) throws(EngineError) -> NormWeight? {
            try source.norm(name, count: count).map(NormWeight.init)
        }
        let hidden = plan.hiddenSize, feedForward = plan.intermediateSize
        let query = plan.querySize, keyValue = plan.keyValueSize
        var layers: [DecoderLayer] = []
        for index in plan.layers.indices {
            let names = LayerModules(index)
            layers.append(
                DecoderLayer(
                    projections: try packed(
                        [names.query, names.key, names.value], ([query, keyValue, keyValue], hidden)),
                    output: try packed([names.output], ([hidden], query)),
                    gates: try packed([names.gate, names.up], ([feedForward, feedForward], hidden)),
                    down: try packed([names.down], ([hidden], feedForward)),
                    attentionNorm: try norm(names.norm(plan.norms.attention), hidden),
                    feedForwardNorm: try norm(names.norm(plan.norms.feedForward), hidden),
                    attentionOutputNorm: try norm(names.norm(plan.norms.attentionOutput), hidden),
                    feedForwardOutputNorm: try norm(names.norm(plan.norms.feedForwardOutput), hidden),
                    queryNorm: try norm(names.norm(plan.norms.query), plan.headSize),
                    keyNorm: try norm(names.norm(plan.norms.key), plan.headSize)))
            progress(index + 1)
        }
        self.layers = layers
        finalNorm = try norm("model.norm.weight", hidden)
        embeddings = try source.embeddings()
        rotary = plan.rotary.map { RotaryTable($0, headSize: plan.headSize, positions: positions) }
    }
}
