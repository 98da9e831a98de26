import CKernels
import Checkpoint

/// The adapter of one layer as a low-rank product beside its 4-bit weights: y += scale * B (A x).
///
/// A is int8 and reads the same prepared rows as the weights; B, a few columns wide, is f32 with the scale folded in.
///
/// `@unchecked Sendable`: written in `init`, then only read; the matrices point into the buffers.
struct SideProduct: @unchecked Sendable {
    /// [rank, inputs]
    let down: ck_matrix
    /// [outputs, rank]
    let up: ck_matrix
    /// Where this layer's outputs start among its siblings'; a multiple of the panel width.
    let firstOutput: Int
    let rank: Int

    private let downData: AlignedBuffer<UInt8>
    private let upData: AlignedBuffer<UInt8>

    var byteCount: Int { downData.byteCount + upData.byteCount }

    init(_ layer: LoRALayer, firstOutput: Int, group: Int, kernels: KernelSet) throws(EngineError) {
        self.firstOutput = firstOutput
        rank = layer.rank
        (down, downData) = try Self.pack(
            layer.a, rows: layer.rank, columns: layer.columns, CK_INT8, min(group, layer.columns), kernels)
        (up, upData) = try Self.pack(
            layer.b.map { $0 * layer.scale }, rows: layer.rows, columns: layer.rank, CK_F32, layer.rank, kernels)
    }

    private static func pack(
        _ values: [Float], rows: Int, columns: Int, _ format: ck_format, _ group: Int, _ kernels: KernelSet
    ) throws(EngineError) -> (ck_matrix, AlignedBuffer<UInt8>) {
        let format = Int32(format.rawValue)
        guard ck_supported(format, Int32(clamping: rows), Int32(clamping: columns), Int32(group)) != 0 else {
            throw .unsupported("an adapter of shape [\(rows), \(columns)]")
        }
        let panelBytes = kernels.table.panel_bytes(format, Int32(columns), Int32(group))
        let panels = Int(ck_panels(Int32(rows)))
        let data = AlignedBuffer<UInt8>(count: panelBytes * panels)
        let matrix = ck_matrix(
            data: data.pointer, format: format, n: Int32(rows), k: Int32(columns), group: Int32(group))
        for panel in 0..<panels {
            let status = values.withUnsafeBufferPointer { values in
                withUnsafePointer(to: matrix) { matrix in
                    guard let start = values.baseAddress else { return CK_UNSUPPORTED }
                    return kernels.table.pack_panel(
                        matrix, Int32(panel), start + panel * Int(CK_PANEL) * columns, columns,
                        data.pointer + panel * panelBytes)
                }
            }
            guard status == CK_OK else { throw .unsupported("an adapter of shape [\(rows), \(columns)]") }
        }
        return (matrix, data)
    }
}
