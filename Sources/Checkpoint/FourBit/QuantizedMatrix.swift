/// A weight matrix in the 4-bit layout of bitsandbytes: two codes a byte, a scale for each block of elements.
///
/// Blocks run over the flat, row-major tensor and may cross rows. Element `i` is
/// `codebook[code(i)] * scales[i / blockSize]` in f32, rounded to ``format``: bit for bit what
/// `bitsandbytes.functional.dequantize_4bit` gives on a CPU.
public struct QuantizedMatrix: Sendable {
    /// The weight's name in the file, e.g. `model.layers.0.self_attn.q_proj.weight`.
    public let name: String
    public let kind: FourBitKind
    /// Output features.
    public let rows: Int
    /// Input features.
    public let columns: Int
    /// Elements that share one scale: a power of two from 32 to 4096.
    public let blockSize: Int
    /// The format that the weights were quantised from, and that decoded values are rounded to.
    public let format: FloatFormat
    /// The value of each of the 16 codes.
    public let codebook: [Float]
    /// The decoded scale of each block, in f32: `ceil(rows * columns / blockSize)` of them.
    public let scales: [Float]

    /// The packed codes; of whatever element type bitsandbytes stored them as (`bnb_4bit_quant_storage`).
    let packed: TensorView

    /// Elements in the matrix.
    public var elementCount: Int { rows * columns }

    /// Calls `body` with the packed codes: element `i` is in byte `i / 2`, in the high nibble if `i` is even.
    /// The pointer is valid only inside the call.
    public func withUnsafeCodes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try packed.withUnsafeBytes(body)
    }

    /// Decodes rows to f32 values that are already rounded to ``format``.
    /// - Parameters:
    ///   - rows: rows to decode, inside `0..<self.rows`.
    ///   - destination: at least `rows.count * columns` floats, written row after row.
    public func dequantize(rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows outside the matrix")
        dequantize(elements: rows.lowerBound * columns..<rows.upperBound * columns, into: destination)
    }

    /// The same where `decoding` decodes, in the same bits.
    /// - Parameter decoding: takes all codes, all scales, which elements to decode, counted in row-major order, and room
    ///   for them. Not called for no elements.
    public func dequantize(
        rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>,
        decoding: (
            _ codes: UnsafePointer<UInt8>, _ scales: UnsafePointer<Float>, _ elements: Range<Int>,
            _ target: UnsafeMutablePointer<Float>
        ) -> Void
    ) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows outside the matrix")
        precondition(destination.count >= rows.count * columns, "the destination is too small")
        guard !rows.isEmpty, let target = destination.baseAddress else { return }
        withUnsafeCodes { codes in
            scales.withUnsafeBufferPointer { scales in
                guard let codes = codes.baseAddress, let scales = scales.baseAddress else { return }
                decoding(
                    codes.assumingMemoryBound(to: UInt8.self), scales,
                    rows.lowerBound * columns..<rows.upperBound * columns, target)
            }
        }
    }

    /// Decodes a run of elements, counted in row-major order.
    public func dequantize(elements: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>) {
        precondition(elements.lowerBound >= 0 && elements.upperBound <= elementCount, "elements outside the matrix")
        precondition(destination.count >= elements.count, "the destination is too small")
        withUnsafeCodes { codes in
            var element = elements.lowerBound
            while element < elements.upperBound {
                let block = element / blockSize
                let end = min((block + 1) * blockSize, elements.upperBound)
                // The 16 values of a block are rounded once each; every element is then a table look-up.
                let scale = scales[block]
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 16) { table in
                    for code in 0..<16 { table[code] = format.rounded(codebook[code] * scale) }
                    let output = destination.baseAddress! - elements.lowerBound
                    while element < end, element & 1 != 0 {
                        output[element] = table[Int(codes[element >> 1] & 15)]
                        element += 1
                    }
                    while element + 1 < end {
                        let pair = codes[element >> 1]
                        output[element] = table[Int(pair >> 4)]
                        output[element + 1] = table[Int(pair & 15)]
                        element += 2
                    }
                    if element < end {
                        output[element] = table[Int(codes[element >> 1] >> 4)]
                        element += 1
                    }
                }
            }
        }
    }

    /// Every element, row-major, rounded to ``format``.
    public func floats() -> [Float] {
        [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
            dequantize(elements: 0..<elementCount, into: buffer)
            count = elementCount
        }
    }
}
