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
    /// Rows of one tile of row-wise steps.
    private static let rowsPerTile = 8
    /// Rows of one tile of a product: their prepared form stays in the second-level cache.
    private static let rowsPerProductTile = 128

    init(
        plan: DecoderPlan, weights: DecoderWeights, format: ck_format, group: Int, kernels: KernelSet,
        pool: ForkJoinPool, rows: Int, treePositions: Int = 0, mostEmbeddedRows: Int = Decoder.mostEmbeddedRows
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
            group: group, kernels: kernels, threads: pool.threadCount)
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
            for (layer, layerPlan) in zip(weights.layers, plan.layers) {
                attend(batch, layer, layerPlan)
                feedForward(batch, layer)
            }
            normalise(batch.tokenCount)
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

    private func attend(_ batch: PackedBatch, _ layer: DecoderLayer, _ layerPlan: LayerPlan) {
        let count = batch.tokenCount
        let width = plan.querySize + 2 * plan.keyValueSize
        let input = normPrepared(layer.attentionNorm, count)
        multiply(input, layer.projections, into: workspace.projections.pointer, width, count)
        rotate(batch, layer, layerPlan, width)
        attention(batch, layerPlan, width)
        let attended = prepare(workspace.attended.pointer, plan.querySize, count)
        multiply(attended, layer.output, into: workspace.update.pointer, plan.hiddenSize, count)
        addUpdate(layer.attentionOutputNorm, count)
    }

    private func feedForward(_ batch: PackedBatch, _ layer: DecoderLayer) {
        let count = batch.tokenCount, width = 2 * plan.intermediateSize
        let input = normPrepared(layer.feedForwardNorm, count)
        multiply(input, layer.gates, into: workspace.gates.pointer, width, count)
        let gated = gatePrepared(count)
        multiply(gated, layer.down, into: workspace.update.pointer, plan.hiddenSize, count)
        addUpdate(layer.feedForwardOutputNorm, count)
    }

    private func normalise(_ count: Int) {
        let hidden = plan.hiddenSize
        rowTiles(count) { rows, _ in
            let x = workspace.residual.pointer + rows.lowerBound * hidden
            kernels.table.rmsnorm(
                x, hidden, weights.finalNorm.pointer, Int32(hidden), plan.normEpsilon, normFlags, x, hidden,
                Int32(rows.count))
        }
    }

    // MARK: Products

    /// The residual stream normalised, in the form that products read.
    private func normPrepared(_ norm: NormWeight, _ count: Int) -> PreparedRows {
        let hidden = plan.hiddenSize
        let target = workspace.preparedRows(inputs: hidden, format: format, group: group, kernels: kernels)
        rowTiles(count) { rows, _ in
            let x = workspace.residual.pointer + rows.lowerBound * hidden
            let prepared = target.pointer + rows.lowerBound * target.stride
            kernels.table.rmsnorm_prepare(
                target.format, target.group, x, hidden, norm.pointer, Int32(hidden), plan.normEpsilon, normFlags,
                prepared, target.stride, Int32(rows.count))
        }
        return target
    }

    /// Plain rows in the form that products read.
    private func prepare(_ x: UnsafeMutablePointer<Float>, _ width: Int, _ count: Int) -> PreparedRows {
        let target = workspace.preparedRows(inputs: width, format: format, group: group, kernels: kernels)
        rowTiles(count) { rows, _ in
            kernels.table.prepare(
                target.format, Int32(width), target.group, x + rows.lowerBound * width, width,
                target.pointer + rows.lowerBound * target.stride, target.stride, Int32(rows.count))
        }
        return target
    }

    /// act(gate) * up, in the form that products read.
    private func gatePrepared(_ count: Int) -> PreparedRows {
        let width = plan.intermediateSize
        let kind = Int32((plan.activation == .geluTanh ? CK_GEGLU_TANH : CK_SWIGLU).rawValue)
        let target = workspace.preparedRows(inputs: width, format: format, group: group, kernels: kernels)
        rowTiles(count) { rows, _ in
            let gate = workspace.gates.pointer + rows.lowerBound * 2 * width
            let prepared = target.pointer + rows.lowerBound * target.stride
            kernels.table.gated_prepare(
                target.format, target.group, kind, gate, 2 * width, gate + width, 2 * width, Int32(width),
                prepared, target.stride, Int32(rows.count))
        }
        return target
    }

    /// y = x W^T + side products + bias, tiled over rows and panels.
    private func multiply(
        _ x: PreparedRows, _ layer: PackedLinear, into y: UnsafeMutablePointer<Float>, _ width: Int, _ count: Int
    ) {
        let lowRank = sideInput(x, layer, count)
        let panels = Int(ck_panels(layer.matrix.n)), panelWidth = Int(CK_PANEL)
        let rowBlocks = (count + Self.rowsPerProductTile - 1) / Self.rowsPerProductTile
        let columnBlocks = min(panels, max(1, 4 * pool.threadCount / rowBlocks))
        pool.forEach(rowBlocks * columnBlocks) { tile, _ in
            let block = tile / columnBlocks, column = tile % columnBlocks
            let first = Int32(block * Self.rowsPerProductTile)
            let last = Int32(min(count, (block + 1) * Self.rowsPerProductTile))
            let start = panels * column / columnBlocks, end = panels * (column + 1) / columnBlocks
            withUnsafePointer(to: layer.matrix) { matrix in
                kernels.table.gemm(
                    matrix, x.pointer, x.stride, y, width, first, last, Int32(start), Int32(end), 0)
            }
            if let side = layer.sideProducts, let lowRank {
                var rank = 0
                for part in side.parts {
                    let offset = part.firstOutput / panelWidth
                    let from = max(start - offset, 0), to = min(end - offset, Int(ck_panels(part.up.n)))
                    if from < to {
                        withUnsafePointer(to: part.up) { matrix in
                            kernels.table.gemm(
                                matrix, lowRank + rank, side.rank * 4, y + part.firstOutput, width, first, last,
                                Int32(from), Int32(to), Int32(CK_GEMM_ADD))
                        }
                    }
                    rank += part.rank
                }
            }
            if let bias = layer.bias {
                let columns = start * panelWidth..<min(end * panelWidth, layer.outputs)
                for row in Int(first)..<Int(last) {
                    for column in columns { y[row * width + column] += bias[column] }
                }
            }
        }
    }

    /// A x of every side product of the layer, side by side; nil if it has none.
    private func sideInput(_ x: PreparedRows, _ layer: PackedLinear, _ count: Int) -> UnsafeMutablePointer<Float>? {
        guard let side = layer.sideProducts else { return nil }
        let target = workspace.lowRank.pointer
        // One thread alone takes whole tiles of the products; several share the rows.
        rowTiles(count, of: pool.threadCount > 1 ? Self.rowsPerTile : Self.rowsPerProductTile) { rows, _ in
            withUnsafePointer(to: side.down) { matrix in
                kernels.table.gemm(
                    matrix, x.pointer, x.stride, target, side.rank, Int32(rows.lowerBound), Int32(rows.upperBound), 0,
                    ck_panels(side.down.n), 0)
            }
        }
        return target
    }

    /// Adds the block's update, normalised where the architecture does so, to the residual stream.
    private func addUpdate(_ norm: NormWeight?, _ count: Int) {
        let hidden = plan.hiddenSize
        rowTiles(count) { rows, _ in
            let x = workspace.residual.pointer + rows.lowerBound * hidden
            let y = workspace.update.pointer + rows.lowerBound * hidden
            if let norm {
                kernels.table.add_rmsnorm(
                    x, hidden, y, hidden, norm.pointer, Int32(hidden), plan.normEpsilon, normFlags, Int32(rows.count))
            } else {
                kernels.table.add(x, hidden, y, hidden, Int32(hidden), Int32(rows.count))
            }
        }
    }

    /// Calls `body` with ranges of at most `size` rows, on all threads.
    private func rowTiles(_ count: Int, of size: Int = Decoder.rowsPerTile, _ body: (Range<Int>, Int) -> Void) {
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
            ldq: width, ldk: width, ldv: width, ldo: plan.querySize,
            heads: Int32(plan.headCount), kv_heads: Int32(plan.keyValueHeadCount), head_dim: Int32(plan.headSize),
            scale: plan.attentionScale, causal: plan.attention == .causal ? 1 : 0,
            window: Int32(clamping: layerPlan.reach ?? 0))
        let tiles = AttentionTile.tiles(batch, keyValueHeads: plan.keyValueHeadCount)
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

    /// Queries of one tile.
    private static let rows = 64

    static func tiles(_ batch: PackedBatch, keyValueHeads: Int) -> [AttentionTile] {
        var tiles: [AttentionTile] = []
        for message in 0..<batch.messageCount {
            let span = batch.span(message).prefix(batch.promptLength(message))
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
