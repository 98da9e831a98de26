/// Quantises weights to NF4 in blocks: the same bytes as `bitsandbytes.functional.quantize_4bit(quant_type="nf4")` of
/// version 0.50 on a CPU.
///
/// A weight is read twice, so that neither it nor its codes need to be in memory whole: once for the largest magnitude
/// of each block (``blockMaxima(_:into:)``), once for the codes (``encode(_:into:)``). A run of values handed to either
/// begins at a block's first element and ends with a block's last or with the weight's. Source of the number format:
/// Dettmers et al., QLoRA, arXiv 2305.14314; of the order of operations: `backends/default/ops.py` of bitsandbytes.
struct NormalFloatEncoder: Sendable {
    /// Elements that share one scale.
    let blockSize: Int

    /// Midpoints between neighbouring codes: a value's code is the number of midpoints below it.
    private let midpoints: [Float]

    /// What bitsandbytes divides by in place of smaller scales.
    private static let smallestMaximum: Float = 1e-38

    init(blockSize: Int = 64) {
        self.blockSize = blockSize
        let codes = FourBitKind.nf4.codebook
        midpoints = (1..<16).map { (codes[$0 - 1] + codes[$0]) / 2 }
    }

    /// Appends the largest magnitude of each block; false if a value is infinite or not a number.
    func blockMaxima(_ values: UnsafeBufferPointer<Float>, into maxima: inout [Float]) -> Bool {
        var finite = true
        var start = 0
        while start < values.count {
            let end = min(start + blockSize, values.count)
            // As bit patterns without their sign, magnitudes compare like integers, and NaN is above infinity.
            var bits: UInt32 = 0
            for index in start..<end { bits = max(bits, values[index].bitPattern & 0x7FFF_FFFF) }
            finite = finite && bits < 0x7F80_0000
            let maximum = Float(bitPattern: bits)
            maxima.append(end - start < blockSize ? max(maximum, Self.smallestMaximum) : maximum)
            start = end
        }
        return finite
    }

    /// Writes two codes a byte, the first in the high nibble; an odd last one is paired with the code of 0.
    /// - Parameter bytes: room for `(values.count + 1) / 2`.
    func encode(_ values: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableBufferPointer<UInt8>) {
        precondition(bytes.count >= (values.count + 1) / 2, "the destination is too small")
        precondition(blockSize % 2 == 0, "the block size is odd")
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: blockSize + 1) { codes in
            var start = 0
            while start < values.count {
                let end = min(start + blockSize, values.count)
                let count = end - start
                let block = UnsafeBufferPointer(rebasing: values[start..<end])
                encode(block, into: codes)
                codes[count] = 7
                for pair in 0..<(count + 1) / 2 {
                    bytes[start / 2 + pair] = UInt8(truncatingIfNeeded: codes[2 * pair] << 4 | codes[2 * pair + 1])
                }
                start = end
            }
        }
    }

    /// The codes of one block.
    private func encode(_ block: UnsafeBufferPointer<Float>, into codes: UnsafeMutableBufferPointer<Int32>) {
        var bits: UInt32 = 0
        for value in block { bits = max(bits, value.bitPattern & 0x7FFF_FFFF) }
        let maximum = max(Float(bitPattern: bits), Self.smallestMaximum)
        // bitsandbytes multiplies whole blocks by the reciprocal and divides a last, shorter one.
        let inverse = 1 / maximum
        let whole = block.count == blockSize
        withUnsafeTemporaryAllocation(of: Float.self, capacity: block.count) { scaled in
            for index in 0..<block.count {
                scaled[index] = min(max(whole ? block[index] * inverse : block[index] / maximum, -1), 1)
                codes[index] = 0
            }
            for midpoint in midpoints {
                for index in 0..<block.count { codes[index] &+= scaled[index] > midpoint ? 1 : 0 }
            }
        }
    }
}
