import CKernels
import Checkpoint

/// The forward pass over packed batches.
///
/// Every step is a loop over tiles on the pool; every kernel computes each row by itself in a fixed order, so a
/// message's result is the same bits alone or in any batch, on any number of threads.
///
/// Owned by one thread: the workspace is reused from call to call.
final class Decoder {
    let plan: DecoderPlan
    let weights: DecoderWeights
    let kernels: KernelSet
    let workspace: Workspace

    let pool: ForkJoinPool
    private let format: ck_format
    private let group: Int
    private let normFlags: Int32
    /// Rows of the mapped embedding table that were read since its pages were last released, and how many may be.
    private var embeddedRows = 0
    private let mostEmbeddedRows: Int

    /// Reading a row may map up to 64 KiB around it (Linux's fault-around): 32 MiB for this many rows.
    static let mostEmbeddedRows = 512
    /// Rows of one tile of row-wise steps at most.
    private static let mostRowsPerTile = 8
    /// Rows of one tile of a product: their prepared form stays in the second-level cache.
    static let rowsPerProductTile = 128

    init(
        plan: DecoderPlan, weights: DecoderWeights, format: ck_format, group: Int, kernels: KernelSet,
        pool: ForkJoinPool, rows: Int, treePositions: Int = 0, mostEmbeddedRows: Int = Decoder.mostEmbeddedRows,
        leastGateColumns: Int = Workspace.leastGateColumns
    ) {
        self.plan = plan
        self.weights = weights
        self.kernels = kernels
        self.pool = pool
        self.format = format
        self.group = group
        self.mostEmbeddedRows = mostEmbeddedRows
        normFlags = plan.normWeightOffset == 0 ? 0 : Int32(CK_NORM_UNIT_OFFSET)
        workspace = Workspace(
            plan: plan, rows: rows, rank: weights.largestRank, treePositions: treePositions, format: format,
            group: group, kernels: kernels, threads: pool.threadCount, leastGateColumns: leastGateColumns)
    }

    /// A decoder of the same weights with working memory of its own.
    convenience init(sharing other: Decoder, pool: ForkJoinPool, rows: Int, mostEmbeddedRows: Int) {
        self.init(
            plan: other.plan, weights: other.weights, format: other.format, group: other.group, kernels: other.kernels,
            pool: pool, rows: rows, mostEmbeddedRows: mostEmbeddedRows)
    }

    /// Runs the batch and leaves its hidden states, after the final norm, in `workspace.residual`.
    /// - Precondition: the batch has at most `workspace.rows` tokens, all ids in the vocabulary, at least one token.
    func run(_ batch: PackedBatch) {
        precondition(batch.tokenCount > 0 && batch.tokenCount <= workspace.rows)
        pool.withActiveWorkers {
            embed(batch)
            // A configuration without layers is refused when it is read.
            guard let first = weights.layers.first else { return }
            var input = normPrepared(first.attentionNorm, for: first.projections, batch.tokenCount)
            for (index, layer) in weights.layers.enumerated() {
                input = attend(batch, input, layer, plan.layers[index])
                feedForward(batch, input, layer)
                guard index + 1 < weights.layers.count else { break }
                let next = weights.layers[index + 1]
                input = addUpdate(
                    layer.feedForwardOutputNorm, then: next.attentionNorm, for: next.projections, batch.tokenCount)
            }
            finish(weights.layers.last?.feedForwardOutputNorm, batch.tokenCount)
        }
    }

    // MARK: Steps

    private func embed(_ batch: PackedBatch) {
        let hidden = plan.hiddenSize
        rowTiles(batch.tokenCount) { rows, _ in
            for row in rows {
                let target = UnsafeMutableBufferPointer(
                    start: workspace.residual.pointer + row * hidden, count: hidden)
                let id = Int(batch.ids[row])
                // Cannot throw: the table's type was checked when it was opened.
                try? weights.embeddings.readFloats(rows: id..<id + 1, into: target)
                for index in target.indices { target[index] *= plan.embeddingScale }
            }
        }
        embeddedRows += batch.tokenCount
        if embeddedRows > mostEmbeddedRows {
            weights.embeddings.releasePages()
            embeddedRows = 0
        }
    }

    /// - Parameter input: the residual stream, normalised.
    /// - Returns: what the feed-forward block reads.
    private func attend(
        _ batch: PackedBatch, _ input: LinearInput, _ layer: DecoderLayer, _ layerPlan: LayerPlan
    ) -> LinearInput {
        let count = batch.tokenCount
        let width = plan.querySize + 2 * plan.keyValueSize
        multiply(input, layer.projections, into: workspace.projections.pointer, width, count)
        rotate(batch, layer, layerPlan, width)
        attention(batch, layerPlan, width)
        let attended = attendedPrepared(for: layer.output, count)
        multiply(attended, layer.output, into: workspace.update.pointer, plan.hiddenSize, count)
        return addUpdate(layer.attentionOutputNorm, then: layer.feedForwardNorm, for: layer.gates, count)
    }

    /// Leaves the block's update in `workspace.update`.
    /// - Parameter input: the residual stream, normalised.
    private func feedForward(_ batch: PackedBatch, _ input: LinearInput, _ layer: DecoderLayer) {
        let count = batch.tokenCount
        let gated = gatePrepared(input, layer, count)
        multiply(gated, layer.down, into: workspace.update.pointer, plan.hiddenSize, count)
    }

    /// Adds the last block's update, normalised by `norm` if there is one, and normalises the residual stream.
    private func finish(_ norm: NormWeight?, _ count: Int) {
        let hidden = plan.hiddenSize
        rowTiles(count) { rows, _ in
            addUpdate(rows, norm)
            let x = workspace.residual.pointer + rows.lowerBound * hidden
            kernels.table.rmsnorm(
                x, hidden, weights.finalNorm.pointer, Int32(hidden), plan.normEpsilon, normFlags, x, hidden,
                Int32(rows.count))
        }
    }

    // MARK: Products

    /// Attention's result in the form that `layer` reads.
    private func attendedPrepared(for layer: PackedLinear, _ count: Int) -> LinearInput {
        let width = plan.querySize, stride = workspace.attendedStride
        let target = linearInput(layer, count)
        rowTiles(count) { rows, _ in
            kernels.table.prepare(
                target.rows.format, Int32(width), target.rows.group,
                workspace.attended.pointer + rows.lowerBound * stride, stride, target.rows[rows.lowerBound],
                target.rows.stride, Int32(rows.count))
            if sharesLowRank { lowRank(rows, target, layer) }
        }
        return finished(target, layer, count)
    }

    /// act(gate) * up, in the form that `layer.down` reads. A tile multiplies its rows with some columns of both and
    /// prepares the result while it is in the caches.
    private func gatePrepared(_ input: LinearInput, _ layer: DecoderLayer, _ count: Int) -> LinearInput {
        let kind = Int32((plan.activation == .geluTanh ? CK_GEGLU_TANH : CK_SWIGLU).rawValue)
        let width = plan.intermediateSize, size = workspace.gateColumns, stride = workspace.gateStride
        let target = linearInput(layer.down, count, gated: true)
        let columnBlocks = (width + size - 1) / size
        productTiles(count, columnBlocks: columnBlocks) { rows, block, thread in
            let columns = block * size..<min(width, (block + 1) * size)
            let gate = workspace.gates[thread].pointer, up = gate + columns.count
            if columnBlocks == 1 {
                multiply(input, layer.gates, rows, outputs: 0..<2 * width, into: gate, stride)
            } else {
                let upper = width + columns.lowerBound..<width + columns.upperBound
                multiply(input, layer.gates, rows, outputs: columns, into: gate, stride)
                multiply(input, layer.gates, rows, outputs: upper, into: up, stride)
            }
            kernels.table.gated_prepare(
                target.rows.format, target.rows.group, kind, gate, stride, up, stride, Int32(width),
                Int32(columns.lowerBound), Int32(columns.upperBound), target.rows[rows.lowerBound],
                target.rows.stride, Int32(rows.count))
        }
        if sharesLowRank, layer.down.sideProducts != nil {
            rowTiles(count) { rows, _ in lowRank(rows, target, layer.down) }
        }
        return finished(target, layer.down, count)
    }

    /// y = x W^T + side products + bias, tiled over rows and panels.
    private func multiply(
        _ input: LinearInput, _ layer: PackedLinear, into y: UnsafeMutablePointer<Float>, _ width: Int, _ count: Int
    ) {
        // Kernels are fastest on two panels at a time.
        let pair = 2 * Int(CK_PANEL), pairs = (layer.outputs + pair - 1) / pair
        let columnBlocks = min(pairs, max(1, 4 * pool.threadCount / productRowBlocks(count)))
        productTiles(count, columnBlocks: columnBlocks) { rows, block, _ in
            let first = pair * (pairs * block / columnBlocks)
            let last = min(layer.outputs, pair * (pairs * (block + 1) / columnBlocks))
            multiply(
                input, layer, rows, outputs: first..<last, into: y + rows.lowerBound * width + first, width)
        }
    }

    /// Some rows and outputs of a product; the outputs start with a panel.
    /// - Parameter y: where the first output of the first row goes, the next row's `stride` elements behind it.
    private func multiply(
        _ input: LinearInput, _ layer: PackedLinear, _ rows: Range<Int>, outputs: Range<Int>,
        into y: UnsafeMutablePointer<Float>, _ stride: Int
    ) {
        var next = outputs.lowerBound
        func product(upTo end: Int, _ update: ck_update? = nil) {
            guard next < end else { return }
            gemm(layer.matrix, input.rows, rows, next..<end, into: y + next - outputs.lowerBound, stride, update)
            next = end
        }
        // Parts are in the order of their outputs.
        for (part, x) in zip(layer.sideProducts?.parts ?? [], input.lowRank) {
            let common = outputs.clamped(to: part.firstOutput..<part.firstOutput + Int(part.up.n))
            guard !common.isEmpty else { continue }
            product(upTo: common.lowerBound)
            let own = self.part(of: part.up, common.lowerBound - part.firstOutput..<common.upperBound - part.firstOutput)
            product(upTo: common.upperBound, ck_update(matrix: own, x: x[rows.lowerBound], ldx: x.stride))
        }
        product(upTo: outputs.upperBound)
        if let bias = layer.bias {
            for row in 0..<rows.count {
                for column in outputs { y[row * stride + column - outputs.lowerBound] += bias[column] }
            }
        }
    }

    /// The kernels' product of some rows and outputs; the outputs start with a panel.
    private func gemm(
        _ matrix: ck_matrix, _ x: PreparedRows, _ rows: Range<Int>, _ outputs: Range<Int>,
        into y: UnsafeMutablePointer<Float>, _ stride: Int, _ update: ck_update?
    ) {
        func run(_ update: UnsafePointer<ck_update>?) {
            withUnsafePointer(to: part(of: matrix, outputs)) { part in
                kernels.table.gemm(
                    part, x[rows.lowerBound], x.stride, y, stride, 0, Int32(rows.count), 0, ck_panels(part.pointee.n), 0,
                    update)
            }
        }
        if let update { withUnsafePointer(to: update, run) } else { run(nil) }
    }

    /// Some outputs of a matrix; they start with a panel.
    private func part(of matrix: ck_matrix, _ outputs: Range<Int>) -> ck_matrix {
        var part = matrix
        part.data += outputs.lowerBound / Int(CK_PANEL)
            * kernels.table.panel_bytes(matrix.format, matrix.k, matrix.group)
        part.n = Int32(outputs.count)
        return part
    }

    private func productRowBlocks(_ count: Int) -> Int {
        (count + Self.rowsPerProductTile - 1) / Self.rowsPerProductTile
    }

    /// Calls `body` with blocks of rows and one of `columnBlocks` of columns, on all threads.
    private func productTiles(
        _ count: Int, columnBlocks: Int, _ body: (_ rows: Range<Int>, _ block: Int, _ thread: Int) -> Void
    ) {
        let size = Self.rowsPerProductTile
        pool.forEach(productRowBlocks(count) * columnBlocks) { tile, thread in
            let first = tile / columnBlocks * size
            body(first..<min(count, first + size), tile % columnBlocks, thread)
        }
    }

    // MARK: What products read

    /// The memory for `count` rows of what `layer` reads.
    /// - Parameter gated: the rows are gated: made while the rows that the gates read are still needed.
    private func linearInput(_ layer: PackedLinear, _ count: Int, gated: Bool = false) -> LinearInput {
        LinearInput(
            rows: workspace.preparedRows(
                inputs: layer.inputs, gated: gated, format: format, group: group, kernels: kernels),
            lowRank: layer.sideProducts.map { workspace.preparedLowRanks($0, rows: count, kernels: kernels) } ?? [])
    }

    /// Whether threads that share rows also multiply them with the side products' A. One thread alone does that
    /// afterwards, of whole tiles of the products.
    private var sharesLowRank: Bool { pool.threadCount > 1 }

    /// `input` once all its rows are prepared.
    private func finished(_ input: LinearInput, _ layer: PackedLinear, _ count: Int) -> LinearInput {
        if !sharesLowRank, layer.sideProducts != nil {
            rowTiles(count, of: Self.rowsPerProductTile) { rows, _ in lowRank(rows, input, layer) }
        }
        return input
    }

    /// A x of each of the layer's side products for some of the rows, in the form that its B reads.
    private func lowRank(_ rows: Range<Int>, _ input: LinearInput, _ layer: PackedLinear) {
        guard let side = layer.sideProducts else { return }
        let target = workspace.lowRank.pointer
        withUnsafePointer(to: side.down) { matrix in
            kernels.table.gemm(
                matrix, input.rows.pointer, input.rows.stride, target, side.rank, Int32(rows.lowerBound),
                Int32(rows.upperBound), 0, ck_panels(side.down.n), 0, nil)
        }
        var rank = 0
        for (part, prepared) in zip(side.parts, input.lowRank) {
            kernels.table.prepare(
                prepared.format, Int32(part.rank), prepared.group, target + rows.lowerBound * side.rank + rank,
                side.rank, prepared[rows.lowerBound], prepared.stride, Int32(rows.count))
            rank += part.rank
        }
    }

    /// The residual stream normalised, in the form that `layer` reads.
    private func normPrepared(_ norm: NormWeight, for layer: PackedLinear, _ count: Int) -> LinearInput {
        let target = linearInput(layer, count)
        rowTiles(count) { rows, _ in normPrepare(rows, norm, target, layer) }
        return finished(target, layer, count)
    }

    /// Adds a block's update, normalised by `norm` where the architecture does so, to the residual stream.
    /// - Parameter next: the norm of the block that follows, which starts with `layer`.
    /// - Returns: the residual stream normalised by `next`, in the form that `layer` reads.
    private func addUpdate(
        _ norm: NormWeight?, then next: NormWeight, for layer: PackedLinear, _ count: Int
    ) -> LinearInput {
        let target = linearInput(layer, count)
        rowTiles(count) { rows, _ in
            addUpdate(rows, norm)
            normPrepare(rows, next, target, layer)
        }
        return finished(target, layer, count)
    }

    private func addUpdate(_ rows: Range<Int>, _ norm: NormWeight?) {
        let hidden = plan.hiddenSize
        let x = workspace.residual.pointer + rows.lowerBound * hidden
        let y = workspace.update.pointer + rows.lowerBound * hidden
        if let norm {
            kernels.table.add_rmsnorm(
                x, hidden, y, hidden, norm.pointer, Int32(hidden), plan.normEpsilon, normFlags, Int32(rows.count))
        } else {
            kernels.table.add(x, hidden, y, hidden, Int32(hidden), Int32(rows.count))
        }
    }

    private func normPrepare(_ rows: Range<Int>, _ norm: NormWeight, _ target: LinearInput, _ layer: PackedLinear) {
        let hidden = plan.hiddenSize
        kernels.table.rmsnorm_prepare(
            target.rows.format, target.rows.group, workspace.residual.pointer + rows.lowerBound * hidden, hidden,
            norm.pointer, Int32(hidden), plan.normEpsilon, normFlags, target.rows[rows.lowerBound], target.rows.stride,
            Int32(rows.count))
        if sharesLowRank { lowRank(rows, target, layer) }
    }

    /// Rows of one tile of row-wise steps, so that few rows are shared evenly.
    private func rowsPerTile(_ count: Int) -> Int {
        min(Self.mostRowsPerTile, (count + pool.threadCount - 1) / pool.threadCount)
    }

    /// Calls `body` with ranges of at most `size` rows, on all threads.
    private func rowTiles(_ count: Int, of size: Int? = nil, _ body: (Range<Int>, Int) -> Void) {
        let size = size ?? rowsPerTile(count)
        pool.forEach((count + size - 1) / size) { tile, thread in
            body(tile * size..<min(count, (tile + 1) * size), thread)
        }
    }
}

// MARK: - Attention

extension Decoder {
    /// Norms and rotates query and key heads in place.
    private func rotate(_ batch: PackedBatch, _ layer: DecoderLayer, _ layerPlan: LayerPlan, _ width: Int) {
        let size = Int32(plan.headSize)
        let table = weights.rotary[layerPlan.rotary]
        rowTiles(batch.tokenCount) { rows, _ in
            let queries = workspace.projections.pointer + rows.lowerBound * width
            let keys = queries + plan.querySize
            if let norm = layer.queryNorm { normHeads(queries, plan.headCount, norm, rows.count, width) }
            if let norm = layer.keyNorm { normHeads(keys, plan.keyValueHeadCount, norm, rows.count, width) }
            batch.positions.withUnsafeBufferPointer { positions in
                guard let positions = positions.baseAddress else { return }
                kernels.table.rope(
                    queries, width, Int32(plan.headCount), size, table.cosines.pointer, table.sines.pointer,
                    positions + rows.lowerBound, Int32(rows.count))
                kernels.table.rope(
                    keys, width, Int32(plan.keyValueHeadCount), size, table.cosines.pointer, table.sines.pointer,
                    positions + rows.lowerBound, Int32(rows.count))
            }
        }
    }

    private func normHeads(
        _ x: UnsafeMutablePointer<Float>, _ heads: Int, _ norm: NormWeight, _ rows: Int, _ width: Int
    ) {
        for head in 0..<heads {
            let start = x + head * plan.headSize
            kernels.table.rmsnorm(
                start, width, norm.pointer, Int32(plan.headSize), plan.normEpsilon, normFlags, start, width,
                Int32(rows))
        }
    }

    /// Attention inside each message, one tile for each of its KV heads and runs of queries.
    private func attention(_ batch: PackedBatch, _ layerPlan: LayerPlan, _ width: Int) {
        let arguments = ck_attention(
            q: workspace.projections.pointer, k: workspace.projections.pointer + plan.querySize,
            v: workspace.projections.pointer + plan.querySize + plan.keyValueSize, out: workspace.attended.pointer,
            ldq: width, ldk: width, ldv: width, ldo: workspace.attendedStride,
            heads: Int32(plan.headCount), kv_heads: Int32(plan.keyValueHeadCount), head_dim: Int32(plan.headSize),
            scale: plan.attentionScale, causal: plan.attention == .causal ? 1 : 0,
            window: Int32(clamping: layerPlan.reach ?? 0))
        let tiles = AttentionTile.tiles(
            batch, keyValueHeads: plan.keyValueHeadCount, threads: pool.threadCount)
        pool.forEach(tiles.count) { index, thread in
            let tile = tiles[index]
            withUnsafePointer(to: arguments) { arguments in
                kernels.table.attention(
                    arguments, tile.start, tile.end, tile.head, tile.firstRow, tile.lastRow,
                    workspace.attention[thread].pointer)
            }
        }
        if let trie = batch.trie { attendTree(batch, trie, layerPlan, width) }
    }
}

/// One piece of a batch's attention.
private struct AttentionTile {
    var start, end, head, firstRow, lastRow: Int32

    /// Queries of one tile at most.
    private static let mostRows = 64

    static func tiles(_ batch: PackedBatch, keyValueHeads: Int, threads: Int) -> [AttentionTile] {
        var tiles: [AttentionTile] = []
        // Fewer heads than threads share their queries, though each tile turns the keys anew.
        let sharing = max(1, threads / max(1, batch.messageCount * keyValueHeads))
        for message in 0..<batch.messageCount {
            let span = batch.span(message).prefix(batch.promptLength(message))
            let rows = min(mostRows, (span.count + sharing - 1) / sharing)
            for head in 0..<keyValueHeads {
                for row in stride(from: span.lowerBound, to: span.upperBound, by: rows) {
                    tiles.append(
                        AttentionTile(
                            start: Int32(span.lowerBound), end: Int32(span.upperBound), head: Int32(head),
                            firstRow: Int32(row), lastRow: Int32(min(row + rows, span.upperBound))))
                }
            }
        }
        return tiles
    }
}
