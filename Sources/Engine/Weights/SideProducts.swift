import CKernels
import Checkpoint

/// The adapters of the parts of one linear layer as low-rank products beside its 4-bit weights: y += scale * B (A x).
///
/// A is int8 and reads the same prepared rows as the weights; those of all parts lie side by side, so that x is read once.
/// B, a few columns wide, is int8 too and has the scale folded in.
///
/// `@unchecked Sendable`: written in `init`, then only read; the matrices point into the buffers.
struct SideProducts: @unchecked Sendable {
    /// B of one part.
    struct Part {
        /// [outputs, rank]
        let up: ck_matrix
        /// Where the part's outputs start among its siblings'; a multiple of the panel width.
        let firstOutput: Int
        let rank: Int
    }

    /// [rank, inputs]
    let down: ck_matrix
    let parts: [Part]
    /// Of all parts together.
    let rank: Int

    private let data: [AlignedBuffer<UInt8>]

    var byteCount: Int { data.reduce(0) { $0 + $1.byteCount } }

    /// - Parameter updates: at least one, of the same inputs, each with its first output among the layer's.
    init(
        _ updates: [(update: LoRALayer, firstOutput: Int)], group: Int, kernels: KernelSet, in arena: WeightArena
    ) throws(EngineError) {
        let columns = updates[0].update.columns
        rank = updates.reduce(0) { $0 + $1.update.rank }
        let downData: AlignedBuffer<UInt8>
        (down, downData) = try Self.pack(
            updates.flatMap { $0.update.a }, rows: rank, columns: columns, min(group, columns), kernels, arena)
        var data = [downData], parts: [Part] = []
        for (update, firstOutput) in updates {
            let (up, upData) = try Self.pack(
                update.b.map { $0 * update.scale }, rows: update.rows, columns: update.rank,
                Self.upGroup(update.rank), kernels, arena)
            data.append(upData)
            parts.append(Part(up: up, firstOutput: firstOutput, rank: update.rank))
        }
        self.data = data
        self.parts = parts
    }

    /// Elements of a row of A x that share a scale: all, as the fastest kernels want it.
    static func upGroup(_ rank: Int) -> Int { min(rank, Int(CK_MAX_GROUP)) }

    private static func pack(
        _ values: [Float], rows: Int, columns: Int, _ group: Int, _ kernels: KernelSet, _ arena: WeightArena
    ) throws(EngineError) -> (ck_matrix, AlignedBuffer<UInt8>) {
        let format = Int32(CK_INT8.rawValue)
        guard ck_supported(format, Int32(clamping: rows), Int32(clamping: columns), Int32(group)) != 0 else {
            throw .unsupported("an adapter of shape [\(rows), \(columns)]")
        }
        let panelBytes = kernels.table.panel_bytes(format, Int32(columns), Int32(group))
        let panels = Int(ck_panels(Int32(rows)))
        let data = AlignedBuffer<UInt8>(count: panelBytes * panels, in: arena)
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
