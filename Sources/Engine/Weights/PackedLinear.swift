import CKernels
import Checkpoint

/// One linear layer, or several with the same input side by side, packed for the kernels.
///
/// `@unchecked Sendable`: everything is written in `init` and only read afterwards; `matrix` points into `data`.
final class PackedLinear: @unchecked Sendable {
    /// Outputs of all parts together.
    let outputs: Int
    /// Inputs.
    let inputs: Int
    /// The packed weights as the kernels see them.
    let matrix: ck_matrix
    /// One value an output; nil if no part has a bias.
    let bias: [Float]?
    /// The adapter's side products; only where the weights stay 4-bit.
    let sideProducts: SideProducts?

    private let data: AlignedBuffer<UInt8>

    /// Bytes of packed weights, side products included.
    var byteCount: Int { data.byteCount + (sideProducts?.byteCount ?? 0) }

    /// Packs `parts` (outputs in order) into `format`.
    /// - Parameters:
    ///   - group: inputs that share an activation scale in int8 and nf4.
    ///   - arena: holds the packed weights.
    /// - Throws: `EngineError` for shapes the format cannot hold, weights that are not finite, unreadable files.
    init(
        _ parts: [MergedLinear], format: ck_format, group: Int, kernels: KernelSet, pool: ForkJoinPool,
        in arena: WeightArena
    ) throws(EngineError) {
        let inputs = parts[0].columns
        let outputs = parts.reduce(0) { $0 + $1.rows }
        guard parts.allSatisfy({ $0.columns == inputs }) else {
            throw .mismatch("\(parts[0].weight.name) and its siblings differ in width")
        }
        let format32 = Int32(format.rawValue), group32 = Int32(min(group, inputs))
        guard ck_supported(format32, Int32(clamping: outputs), Int32(clamping: inputs), group32) != 0 else {
            throw .unsupported("\(parts[0].weight.name) with shape [\(outputs), \(inputs)] in this precision")
        }
        self.inputs = inputs
        self.outputs = outputs
        let panelBytes = kernels.table.panel_bytes(format32, Int32(inputs), group32)
        let panels = Int(ck_panels(Int32(outputs)))
        data = AlignedBuffer(count: panelBytes * panels, in: arena)
        matrix = ck_matrix(
            data: data.pointer, format: format32, n: Int32(outputs), k: Int32(inputs), group: group32)
        bias = parts.contains { $0.bias != nil }
            ? parts.flatMap { $0.bias ?? [Float](repeating: 0, count: $0.rows) } : nil

        let packer = PanelPacker(
            parts: parts, shape: matrix, panelBytes: panelBytes, kernels: kernels, keeps4Bit: format == CK_NF4)
        try packer.pack(into: data, pool: pool)
        var updates: [(update: LoRALayer, firstOutput: Int)] = []
        if format == CK_NF4 {
            var row = 0
            for part in parts {
                if let update = part.update { updates.append((update, row)) }
                row += part.rows
            }
        }
        sideProducts = updates.isEmpty ? nil : try SideProducts(updates, group: group, kernels: kernels, in: arena)
        for part in parts { part.weight.releasePages() }
    }
}
