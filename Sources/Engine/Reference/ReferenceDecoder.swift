import COpenBLAS
import Glibc

/// The forward pass written plainly: one message at a time, f32, every product through OpenBLAS, every step a loop.
///
/// It is the twin that the fast path is held against, and what `--precision reference` runs. Its answers do not
/// depend on the batch, because there is none.
struct ReferenceDecoder {
    let plan: DecoderPlan
    /// f32 matrices and vectors of the whole model, merged.
    let weights: ReferenceWeights

    /// Hidden states after the final norm, row-major [ids.count, hiddenSize].
    func hiddenStates(_ ids: [Int32]) -> [Float] {
        let count = ids.count, hidden = plan.hiddenSize
        var x = ids.flatMap { id in weights.embedding(id).map { $0 * plan.embeddingScale } }
        for (index, layer) in weights.layers.enumerated() {
            let normed = norm(x, layer.attentionNorm, rows: count)
            var attended = linear(attention(normed, layer, plan.layers[index], count), layer.output, rows: count)
            if let weight = layer.attentionOutputNorm { attended = norm(attended, weight, rows: count) }
            add(attended, to: &x)

            let input = norm(x, layer.feedForwardNorm, rows: count)
            let gate = linear(input, layer.gate, rows: count)
            let up = linear(input, layer.up, rows: count)
            var output = linear(zip(gate, up).map { activate($0) * $1 }, layer.down, rows: count)
            if let weight = layer.feedForwardOutputNorm { output = norm(output, weight, rows: count) }
            add(output, to: &x)
        }
        precondition(x.count == count * hidden)
        return norm(x, weights.finalNorm, rows: count)
    }

    /// x W^T + b for `rows` rows.
    func linear(_ x: [Float], _ weight: ReferenceMatrix, rows: Int) -> [Float] {
        var y = [Float](repeating: 0, count: rows * weight.rows)
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(weight.rows), blasint(weight.columns), 1,
            x, blasint(weight.columns), weight.values, blasint(weight.columns), 0, &y, blasint(weight.rows))
        if let bias = weight.bias {
            for index in y.indices { y[index] += bias[index % weight.rows] }
        }
        return y
    }

    /// RMSNorm over rows of `weight.count` elements (Zhang & Sennrich 2019).
    private func norm(_ x: [Float], _ weight: [Float], rows: Int) -> [Float] {
        let width = weight.count
        var y = x
        for start in stride(from: 0, to: x.count, by: width) {
            var squares: Float = 0
            for index in start..<start + width { squares += x[index] * x[index] }
            let scale = 1 / (squares / Float(width) + plan.normEpsilon).squareRoot()
            for index in start..<start + width {
                y[index] = x[index] * scale * (plan.normWeightOffset + weight[index - start])
            }
        }
        return y
    }

    private func add(_ y: [Float], to x: inout [Float]) {
        for index in x.indices { x[index] += y[index] }
    }

    private func activate(_ x: Float) -> Float {
        switch plan.activation {
        case .geluTanh: 0.5 * x * (1 + tanh(0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x)))
        case .silu: x / (1 + exp(-x))
        }
    }

    /// Scaled dot-product attention with rotary embedding; the result is [count, querySize].
    private func attention(
        _ x: [Float], _ layer: ReferenceLayer, _ layerPlan: LayerPlan, _ count: Int
    ) -> [Float] {
        let size = plan.headSize
        let table = weights.rotary[layerPlan.rotary]
        var queries = linear(x, layer.query, rows: count)
        var keys = linear(x, layer.key, rows: count)
        let values = linear(x, layer.value, rows: count)
        if let weight = layer.queryNorm { queries = norm(queries, weight, rows: count * plan.headCount) }
        if let weight = layer.keyNorm { keys = norm(keys, weight, rows: count * plan.keyValueHeadCount) }
        rotate(&queries, heads: plan.headCount, table)
        rotate(&keys, heads: plan.keyValueHeadCount, table)

        var result = [Float](repeating: 0, count: count * plan.querySize)
        let group = plan.headCount / plan.keyValueHeadCount
        for head in 0..<plan.headCount {
            let shared = head / group
            for position in 0..<count {
                var scores = [Float](repeating: -.infinity, count: count)
                let query = position * plan.querySize + head * size
                for other in 0..<count where sees(position, other, layerPlan) {
                    let key = other * plan.keyValueSize + shared * size
                    var dot: Float = 0
                    for element in 0..<size { dot += queries[query + element] * keys[key + element] }
                    scores[other] = dot * plan.attentionScale
                }
                let top = scores.max() ?? 0
                let weights = scores.map { exp($0 - top) }
                let total = weights.reduce(0, +)
                for other in 0..<count where weights[other] > 0 {
                    let value = other * plan.keyValueSize + shared * size
                    for element in 0..<size {
                        result[query + element] += weights[other] / total * values[value + element]
                    }
                }
            }
        }
        return result
    }

    private func sees(_ position: Int, _ other: Int, _ layer: LayerPlan) -> Bool {
        if plan.attention == .causal, other > position { return false }
        guard let reach = layer.reach else { return true }
        return abs(position - other) < reach
    }

    /// Rotates element i of each head with element i + size/2 (the layout of transformers).
    private func rotate(_ x: inout [Float], heads: Int, _ table: RotaryTable) {
        let half = plan.headSize / 2
        for row in 0..<x.count / (heads * plan.headSize) {
            for head in 0..<heads {
                let start = (row * heads + head) * plan.headSize
                for index in 0..<half {
                    let cosine = table.cosines[row * half + index], sine = table.sines[row * half + index]
                    let first = x[start + index], second = x[start + half + index]
                    x[start + index] = first * cosine - second * sine
                    x[start + half + index] = second * cosine + first * sine
                }
            }
        }
    }
}
