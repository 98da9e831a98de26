/// A linear layer's weight as its file holds it: dense, or in 4 bits.
public enum LinearWeight: Sendable {
    /// F32, F16 or BF16, shape [out, in].
    case dense(TensorView)
    case quantized(QuantizedMatrix)

    /// Output features.
    public var rows: Int {
        switch self {
        case .dense(let tensor): tensor.rows
        case .quantized(let matrix): matrix.rows
        }
    }

    /// Input features.
    public var columns: Int {
        switch self {
        case .dense(let tensor): tensor.columns
        case .quantized(let matrix): matrix.columns
        }
    }

    public var name: String {
        switch self {
        case .dense(let tensor): tensor.name
        case .quantized(let matrix): matrix.name
        }
    }

    /// Writes rows as f32: exactly what a dense file stores, or the decoded and rounded 4-bit values.
    /// - Parameter destination: at least `rows.count * columns` floats.
    public func readFloats(
        rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
        switch self {
        case .quantized(let matrix): matrix.dequantize(rows: rows, into: destination)
        case .dense(let tensor):
            do { try tensor.readFloats(rows: rows, into: destination) } catch { throw .safetensors(error) }
        }
    }

    /// Lets go of the memory that reading the weight from its mapped file took. It can be read again.
    public func releasePages() {
        switch self {
        case .quantized(let matrix): matrix.packed.releasePages()
        case .dense(let tensor): tensor.releasePages()
        }
    }

    /// The whole matrix as f32, row-major.
    public func floats() throws(CheckpointError) -> [Float] {
        switch self {
        case .quantized(let matrix): return matrix.floats()
        case .dense(let tensor): do { return try tensor.floats() } catch { throw .safetensors(error) }
        }
    }
}
