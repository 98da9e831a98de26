/// The low-rank update of one linear layer: `W' = W + scale * B A`, and with DoRA each row scaled to a learned length.
///
/// Sources: Hu et al., LoRA, arXiv 2106.09685; Liu et al., DoRA, arXiv 2402.09353 as PEFT implements it.
public struct LoRALayer: Sendable {
    /// The linear layer in transformers' spelling, e.g. `model.layers.0.self_attn.q_proj`.
    public let module: String
    public let rank: Int
    /// Output features.
    public let rows: Int
    /// Input features.
    public let columns: Int
    /// [rank, columns], row-major.
    public let a: [Float]
    /// [rows, rank], row-major.
    public let b: [Float]
    public let scale: Float
    /// DoRA: the length of each row of the merged weight; nil for plain LoRA.
    public let magnitude: [Float]?
    /// Bias of the up projection (`lora_bias`), not yet scaled; nil if there is none.
    public let upBias: [Float]?

    /// Turns rows of the base weight into rows of the merged weight, in f32 and in a fixed order of operations:
    /// for each element the products over the rank are summed in order, scaled, and added to the base.
    ///
    /// Rows are independent, so that several threads may merge different rows at once.
    /// - Parameters:
    ///   - rows: which rows, inside `0..<self.rows`.
    ///   - weight: the base's rows on entry, the merged ones on return; at least `rows.count * columns` floats.
    public func merge(rows: Range<Int>, into weight: UnsafeMutableBufferPointer<Float>) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows outside the layer")
        precondition(weight.count >= rows.count * columns, "the weight is too small")
        guard !rows.isEmpty, let output = weight.baseAddress else { return }
        let columns = columns
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { sum in
            let sum = sum.baseAddress!
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    let a = a.baseAddress!
                    for (offset, row) in rows.enumerated() {
                        let line = output + offset * columns
                        sum.update(repeating: 0, count: columns)
                        for k in 0..<rank {
                            let factor = b[row * rank + k]
                            let source = a + k * columns
                            for column in 0..<columns { sum[column] += factor * source[column] }
                        }
                        for column in 0..<columns { line[column] += sum[column] * scale }
                        if let magnitude { Self.rescale(line, columns, to: magnitude[row]) }
                    }
                }
            }
        }
    }

    /// `scale * B A`, row-major [rows, columns]: the update without a base (plain LoRA only).
    public func delta() -> [Float] {
        var result = [Float](repeating: 0, count: rows * columns)
        let plain = LoRALayer(
            module: module, rank: rank, rows: rows, columns: columns, a: a, b: b, scale: scale, magnitude: nil,
            upBias: nil)
        result.withUnsafeMutableBufferPointer { plain.merge(rows: 0..<rows, into: $0) }
        return result
    }

    /// DoRA's last step. The length is summed in `Double` so that its error is one rounding; a row of zeros stays.
    private static func rescale(_ line: UnsafeMutablePointer<Float>, _ count: Int, to magnitude: Float) {
        var squares = 0.0
        for column in 0..<count { squares += Double(line[column]) * Double(line[column]) }
        let length = Float(squares.squareRoot())
        guard length > 0 else { return }
        let factor = magnitude / length
        for column in 0..<count { line[column] *= factor }
    }
}
