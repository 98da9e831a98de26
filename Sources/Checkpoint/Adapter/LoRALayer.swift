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
        merge(rows: rows, into: weight) { a, b, weight in
            for row in 0..<rows.count { addUpdate(a, b + row * rank, to: weight + row * columns) }
        }
    }

    /// The same where `adding` adds `scale * B A`, in the same order of operations.
    /// - Parameter adding: takes A [rank, columns], the rows of B [rows.count, rank] and those of the weight
    ///   [rows.count, columns]. Not called for no rows.
    public func merge(
        rows: Range<Int>, into weight: UnsafeMutableBufferPointer<Float>,
        adding: (_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ weight: UnsafeMutablePointer<Float>) -> Void
    ) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows outside the layer")
        precondition(weight.count >= rows.count * columns, "the weight is too small")
        guard !rows.isEmpty, let output = weight.baseAddress else { return }
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                guard let a = a.baseAddress, let b = b.baseAddress else { return }
                adding(a, b + rows.lowerBound * rank, output)
            }
        }
        guard let magnitude else { return }
        for (offset, row) in rows.enumerated() {
            Self.rescale(output + offset * columns, columns, to: magnitude[row])
        }
    }

    /// Elements of a row whose sums are in registers at once.
    private typealias Lanes = SIMD16<Float>

    /// Adds the update of one row, whose factors are a row of B.
    private func addUpdate(
        _ a: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, to line: UnsafeMutablePointer<Float>
    ) {
        var column = 0
        while column + Lanes.scalarCount <= columns {
            var sum = Lanes.zero
            for k in 0..<rank {
                sum += factors[k] * UnsafeRawPointer(a + k * columns + column).loadUnaligned(as: Lanes.self)
            }
            let target = UnsafeMutableRawPointer(line + column)
            target.storeBytes(of: target.loadUnaligned(as: Lanes.self) + sum * scale, as: Lanes.self)
            column += Lanes.scalarCount
        }
        while column < columns {
            var sum: Float = 0
            for k in 0..<rank { sum += factors[k] * a[k * columns + column] }
            line[column] += sum * scale
            column += 1
        }
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
