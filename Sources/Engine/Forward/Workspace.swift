import CKernels

/// The forward pass's working memory, allocated once for `rows` tokens.
final class Workspace {
    /// Tokens that fit.
    let rows: Int
    /// The residual stream: [rows, hidden].
    let residual: AlignedBuffer<Float>
    /// Queries, keys and values side by side: [rows, query + 2 * keyValue].
    let projections: AlignedBuffer<Float>
    /// Attention's result: [rows, query], `attendedStride` apart.
    let attended: AlignedBuffer<Float>
    let attendedStride: Int
    /// What a block adds to the residual stream: [rows, hidden].
    let update: AlignedBuffer<Float>
    /// Gate and up of one tile side by side, one buffer a thread: [rows of a tile, 2 * `gateColumns`], `gateStride` apart.
    let gates: [AlignedBuffer<Float>]
    let gateStride: Int
    /// Columns of gate, and of up, in one tile at most.
    let gateColumns: Int
    /// Low-rank activations of side products: [rows, rank of all parts].
    let lowRank: AlignedBuffer<Float>
    /// The same in the form that side products read, each part's rows behind those of the parts before it.
    let preparedLowRank: AlignedBuffer<UInt8>
    /// Scratch of attention, one a thread.
    let attention: [AlignedBuffer<UInt8>]

    private let prepared: AlignedBuffer<UInt8>
    private let preparedGated: AlignedBuffer<UInt8>
    /// Keys and values of a prompt and one path of a label tree, one a thread; none without such a tree.
    private let tree: [AlignedBuffer<Float>]

    /// - Parameters:
    ///   - rows: tokens of the largest micro-batch, and so of the longest message.
    ///   - rank: adapter ranks of one product's parts together; 0 without side products.
    ///   - treePositions: positions of the longest prompt and label; 0 without a label tree.
    ///   - leastGateColumns: columns of gate in one tile at least, where it has as many.
    init(
        plan: DecoderPlan, rows: Int, rank: Int, treePositions: Int, format: ck_format, group: Int,
        kernels: KernelSet, threads: Int, leastGateColumns: Int
    ) {
        self.rows = rows
        residual = AlignedBuffer(count: rows * plan.hiddenSize)
        projections = AlignedBuffer(count: rows * (plan.querySize + 2 * plan.keyValueSize))
        attendedStride = Self.spread(plan.querySize, kernels)
        attended = AlignedBuffer(count: rows * attendedStride)
        update = AlignedBuffer(count: rows * plan.hiddenSize)
        gateColumns = Self.gateColumns(plan, group, leastGateColumns)
        // One more panel: a tile's rows do not all fall into the same sets of the first-level cache.
        gateStride = 2 * gateColumns + Int(CK_PANEL)
        let tile = min(rows, Decoder.rowsPerProductTile) * gateStride
        gates = (0..<threads).map { _ in AlignedBuffer(count: tile) }
        lowRank = AlignedBuffer(count: rows * rank)
        // No less than the kernels take for a row of each part; `preparedLowRanks` checks it.
        preparedLowRank = AlignedBuffer(count: rank == 0 ? 0 : rows * (rank * 4 + Self.mostParts * 128))
        let scratch = ck_attention_workspace(Int32(rows), Int32(plan.headSize))
        attention = (0..<threads).map { _ in AlignedBuffer(count: scratch) }
        func rowBytes(_ inputs: Int) -> Int {
            Int(kernels.table.row_bytes(Int32(format.rawValue), Int32(inputs), Int32(min(group, inputs))))
        }
        prepared = AlignedBuffer(count: rows * max(rowBytes(plan.hiddenSize), rowBytes(plan.querySize)))
        preparedGated = AlignedBuffer(count: rows * rowBytes(plan.intermediateSize))
        tree = treePositions == 0
            ? [] : (0..<threads).map { _ in AlignedBuffer(count: 2 * treePositions * plan.headSize) }
    }

    /// Parts of a layer's side products at most: queries, keys and values.
    private static let mostParts = 3

    /// The distance that the kernels keep between prepared rows of f32 of `width` elements: those of a tile do not all
    /// fall into the same sets of the first-level cache.
    private static func spread(_ width: Int, _ kernels: KernelSet) -> Int {
        kernels.table.row_bytes(Int32(CK_F32.rawValue), Int32(width), Int32(width)) / MemoryLayout<Float>.stride
    }

    /// Memory for the keys and values of `positions` rows of one head.
    func treeScratch(
        _ positions: Int, headSize: Int, thread: Int
    ) -> (keys: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>) {
        let buffer = tree[thread]
        precondition(2 * positions * headSize <= buffer.count)
        return (buffer.pointer, buffer.pointer + buffer.count / 2)
    }

    /// Whole activation groups that are whole panels; all columns where groups are not, or up does not start with one.
    private static func gateColumns(_ plan: DecoderPlan, _ group: Int, _ least: Int) -> Int {
        let width = plan.intermediateSize, columns = (least + group - 1) / group * group
        return width % Int(CK_PANEL) == 0 && columns % Int(CK_PANEL) == 0 ? min(width, columns) : width
    }

    /// With 128 rows, gate and up of so many columns stay in a second-level cache beside the weights.
    static let leastGateColumns = 256

    /// The memory for prepared rows of `inputs` elements. One set of gated ones and one of others is alive at a time:
    /// each product reads it before the next is prepared.
    func preparedRows(inputs: Int, gated: Bool, format: ck_format, group: Int, kernels: KernelSet) -> PreparedRows {
        let format = Int32(format.rawValue), group = Int32(min(group, inputs))
        return PreparedRows(
            pointer: UnsafeMutableRawPointer((gated ? preparedGated : prepared).pointer),
            stride: Int(kernels.table.row_bytes(format, Int32(inputs), group)), format: format, group: group)
    }

    /// The memory for `rows` rows of what each part of a layer's side products reads.
    func preparedLowRanks(_ side: SideProducts, rows: Int, kernels: KernelSet) -> [PreparedRows] {
        var used = 0
        return side.parts.map { part in
            let stride = Int(kernels.table.row_bytes(part.up.format, Int32(part.rank), part.up.group))
            defer { used += rows * stride }
            precondition(used + rows * stride <= preparedLowRank.count)
            return PreparedRows(
                pointer: UnsafeMutableRawPointer(preparedLowRank.pointer) + used, stride: stride,
                format: part.up.format, group: part.up.group)
        }
    }

    /// Bytes held.
    var byteCount: Int {
        residual.byteCount + projections.byteCount + attended.byteCount + update.byteCount
            + lowRank.byteCount + preparedLowRank.byteCount + prepared.byteCount + preparedGated.byteCount
            + (attention.reduce(0) { $0 + $1.byteCount }) + ((gates + tree).reduce(0) { $0 + $1.byteCount })
    }
}
