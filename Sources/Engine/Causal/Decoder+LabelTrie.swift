import CKernels

extension Decoder {
    /// Attention of the label tree's rows: each sees its prompt and the rows on its own path.
    ///
    /// The path's keys and values are kept behind the prompt's in a scratch block, as on a stack: rows come in
    /// preorder, so a row's ancestors are always the ones below it.
    func attendTree(_ batch: PackedBatch, _ trie: LabelTrie, _ layerPlan: LayerPlan, _ width: Int) {
        let size = plan.headSize, heads = plan.headCount / plan.keyValueHeadCount
        pool.forEach(batch.messageCount * plan.keyValueHeadCount) { tile, thread in
            let message = tile / plan.keyValueHeadCount, shared = tile % plan.keyValueHeadCount
            let span = batch.span(message), prompt = batch.promptLength(message)
            let scratch = workspace.treeScratch(prompt + trie.depth, headSize: size, thread: thread)
            let source = workspace.projections.pointer + plan.querySize + shared * size
            func copy(row: Int, to slot: Int) {
                let key = source + row * width
                (scratch.keys + slot * size).update(from: key, count: size)
                (scratch.values + slot * size).update(from: key + plan.keyValueSize, count: size)
            }
            for position in 0..<prompt { copy(row: span.lowerBound + position, to: position) }
            for (index, row) in trie.rows.enumerated() {
                let slot = prompt + row.depth - 1
                copy(row: span.lowerBound + prompt + index, to: slot)
                // The kernel looks up query row `slot`; counted from here, that is this row.
                let base = span.lowerBound + index - (row.depth - 1)
                let head = shared * heads * size
                var arguments = ck_attention(
                    q: workspace.projections.pointer + base * width + head, k: scratch.keys, v: scratch.values,
                    out: workspace.attended.pointer + base * workspace.attendedStride + head,
                    ldq: width, ldk: size, ldv: size, ldo: workspace.attendedStride, heads: Int32(heads), kv_heads: 1,
                    head_dim: Int32(size), scale: plan.attentionScale, causal: 1,
                    window: Int32(clamping: layerPlan.reach ?? 0))
                kernels.table.attention(
                    &arguments, 0, Int32(slot + 1), 0, Int32(slot), Int32(slot + 1),
                    workspace.attention[thread].pointer)
            }
        }
    }
}
