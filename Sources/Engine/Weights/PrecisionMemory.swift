import CKernels
import Checkpoint

/// What a model's weights take in one precision, by the layouts of the kernels in use; only one precision has to be
/// loaded to know it of all.
public struct PrecisionMemory: Sendable, Equatable {
    public var precision: Precision
    /// Bytes of the layers and of the head, with norms, rotary tables and what tells messages out of scope. The
    /// embedding table is read from the mapped file in every precision.
    public var weightBytes: Int
}

extension PrecisionMemory {
    /// One value for each precision that can hold the model, f32 first.
    /// - Parameters:
    ///   - loaded: the parts as they are held in any precision.
    ///   - packsHead: for a causal language model, whose own head is packed.
    static func all(
        _ plan: DecoderPlan, source: WeightSource, loaded: [MemoryPart], packsHead: Bool, group: Int, kernels: KernelSet
    ) -> [PrecisionMemory] {
        let unpacked = loaded.filter(\.isAlwaysF32).reduce(0) { $0 + $1.bytes }
        var result: [PrecisionMemory] = []
        for precision in [Precision.f32, .bf16, .int8, .nf4] {
            guard let format = precision.format, precision != .nf4 || source.isNF4 else { continue }
            let headFormat = ContinuationScorer.headFormat(format)
            guard
                let head = packsHead
                    ? packedBytes(plan.vocabularySize, plan.hiddenSize, headFormat, group, kernels) : 0
            else { continue }
            var bytes = unpacked + head
            var fits = true
            for index in plan.layers.indices {
                for (modules, outputs, inputs) in plan.products(LayerModules(index)) {
                    guard let packed = packedBytes(outputs, inputs, format, group, kernels) else {
                        fits = false
                        continue
                    }
                    bytes += packed
                    guard precision == .nf4 else { continue }
                    bytes += sideBytes(modules.compactMap { source.adapter?.layers[$0] }, group, kernels)
                }
            }
            if fits { result.append(PrecisionMemory(precision: precision, weightBytes: bytes)) }
        }
        return result
    }

    private static func packedBytes(
        _ outputs: Int, _ inputs: Int, _ format: ck_format, _ group: Int, _ kernels: KernelSet
    ) -> Int? {
        let format = Int32(format.rawValue), group = Int32(min(group, inputs))
        guard ck_supported(format, Int32(clamping: outputs), Int32(clamping: inputs), group) != 0 else { return nil }
        return Int(kernels.table.panel_bytes(format, Int32(inputs), group)) * Int(ck_panels(Int32(outputs)))
    }

    /// Those of one product: A side by side, each B by itself.
    private static func sideBytes(_ updates: [LoRALayer], _ group: Int, _ kernels: KernelSet) -> Int {
        guard let first = updates.first else { return 0 }
        let rank = updates.reduce(0) { $0 + $1.rank }
        return updates.reduce(packedBytes(rank, first.columns, CK_INT8, group, kernels) ?? 0) { sum, update in
            sum + (packedBytes(update.rows, update.rank, CK_INT8, SideProducts.upGroup(update.rank), kernels) ?? 0)
        }
    }
}

extension DecoderPlan {
    /// The packed products of a layer: the modules side by side in each, and its shape.
    fileprivate func products(_ names: LayerModules) -> [(modules: [String], outputs: Int, inputs: Int)] {
        [
            ([names.query, names.key, names.value], querySize + 2 * keyValueSize, hiddenSize),
            ([names.output], hiddenSize, querySize),
            ([names.gate, names.up], 2 * intermediateSize, hiddenSize),
            ([names.down], hiddenSize, intermediateSize),
        ]
    }
}
