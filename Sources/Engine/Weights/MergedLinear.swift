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
}
