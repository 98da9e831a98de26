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
    func read(rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>) throws(EngineError) {
        do { try weight.readFloats(rows: rows, into: destination) } catch { throw .checkpoint(error) }
        update?.merge(rows: rows, into: destination)
    }

    /// The same, in the same bits, by SIMD kernels: without them merging takes a fifth to a quarter of a start.
    func read(
        rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>, kernels: KernelSet
    ) throws(EngineError) {
        do { try weight.readFloats(rows: rows, into: destination) } catch { throw .checkpoint(error) }
        guard let update, let target = destination.baseAddress, !rows.isEmpty else { return }
        precondition(destination.count >= rows.count * columns, "the destination is too small")
        precondition(update.columns == columns, "the adapter was checked against the base")
        update.a.withUnsafeBufferPointer { a in
            update.b[rows.lowerBound * update.rank..<rows.upperBound * update.rank].withUnsafeBufferPointer { b in
                guard let a = a.baseAddress, let b = b.baseAddress else { return }
                kernels.table.add_low_rank(
                    a, b, Int32(update.rank), update.scale, target, columns, Int32(columns), Int32(rows.count))
            }
        }
        update.rescale(rows: rows, of: destination)
    }
}
