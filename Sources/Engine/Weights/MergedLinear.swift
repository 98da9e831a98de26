import CKernels
import Checkpoint

/// One linear layer as the base stores it, with the adapter's update: W' = dequantise(W) + scale * B A.
struct MergedLinear: Sendable {
    /// The base's weight, dense or in 4 bits.
    let weight: LinearWeight
    /// The adapter's low-rank update.
    let update: LoRALayer?
    /// One value an output, if the layer has a bias.
    let bias: [Float]?

    /// Outputs.
    var rows: Int { weight.rows }
    /// Inputs.
    var columns: Int { weight.columns }

    /// Writes rows of the merged weight as f32, row-major.
    /// - Parameter kernels: what decodes and merges, in the same bits as without them: in plain code the two take a
    ///   third of a start and more.
    func read(
        rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, kernels: KernelSet? = nil
    ) throws(EngineError) {
        if let kernels, case .quantized(let matrix) = weight {
            matrix.dequantize(rows: rows, into: destination) { codes, scales, elements, target in
                kernels.table.decode_four_bit(
                    codes, matrix.codebook, scales, Int32(matrix.blockSize), matrix.format.kernelRounding,
                    elements.lowerBound, elements.count, target)
            }
        } else {
            do { try weight.readFloats(rows: rows, into: destination) } catch { throw .checkpoint(error) }
        }
        guard let update else { return }
        guard let kernels else { return update.merge(rows: rows, into: destination) }
        update.merge(rows: rows, into: destination) { a, b, weight in
            kernels.table.add_low_rank(
                a, b, Int32(update.rank), update.scale, weight, update.columns, Int32(update.columns), Int32(rows.count))
        }
    }
}

extension FloatFormat {
    /// The `ck_rounding` to this format.
    fileprivate var kernelRounding: Int32 {
        let rounding =
            switch self {
            case .float32: CK_ROUND_F32
            case .bfloat16: CK_ROUND_BF16
            case .float16: CK_ROUND_F16
            }
        return Int32(rounding.rawValue)
    }
}
