/// The scales of an NF4 weight as bitsandbytes stores them: 8-bit codes of their distance from the mean
/// (`compress_statistics=True`), with an f32 scale for every 256 of them.
struct QuantizedScales: Sendable {
    /// Scales that share one second-level scale; fixed in bitsandbytes.
    static let nestedBlockSize = 256

    /// `absmax`: a code for each block.
    let codes: [UInt8]
    /// `nested_absmax`.
    let nestedMaxima: [Float]
    /// `nested_offset`: the mean of all scales.
    let offset: Float

    /// Compresses the largest magnitude of each block.
    init(blockMaxima: [Float]) {
        let offset = TorchSum.mean(blockMaxima)
        self.offset = offset
        (codes, nestedMaxima) = DynamicMap.encode(blockMaxima.map { $0 - offset }, blockSize: Self.nestedBlockSize)
    }

    /// The JSON document of the `quant_state` tensor, in the bytes of Python's `json.dumps`.
    func state(shape: [Int], blockSize: Int, format: FloatFormat) -> [UInt8] {
        var state = JSONValue.Object()
        state["quant_type"] = .string("nf4")
        state["blocksize"] = .integer(blockSize)
        state["dtype"] = .string(format.rawValue)
        state["shape"] = .array(shape.map { .integer($0) })
        state["nested_blocksize"] = .integer(Self.nestedBlockSize)
        state["nested_dtype"] = .string("float32")
        state["nested_offset"] = .number(Double(offset))
        return Array(JSONValue.object(state).text(.python).utf8)
    }
}
