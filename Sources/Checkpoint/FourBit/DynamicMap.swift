/// The signed 8-bit dynamic number format that bitsandbytes stores the scales of 4-bit blocks in.
///
/// Source: `create_dynamic_map` of bitsandbytes 0.50 (Dettmers, "8-Bit Approximations for Parallelism in Deep
/// Learning", arXiv 1511.04561): seven decades, each with twice the steps of the one below, of both signs, and 0 and 1.
enum DynamicMap {
    /// The 256 values in ascending order.
    static let values: [Float] = {
        var values: [Float] = [0, 1]
        for decade in 0..<7 {
            let scale = powersOfTen[decade]
            let bounds = linspace(count: (1 << decade) + 1)
            for index in 0..<1 << decade {
                let mean = (bounds[index] + bounds[index + 1]) / 2
                values.append(scale * mean)
                values.append(-(scale * mean))
            }
        }
        return values.sorted()
    }()

    private static let powersOfTen: [Float] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]

    /// `torch.linspace(0.1, 1, count)` in f32: counted up from the start in the first half, down from the end after,
    /// each by one fused multiply-add, as on every CPU that has the instruction.
    private static func linspace(count: Int) -> [Float] {
        let start: Float = 0.1
        let step = (1 - start) / Float(count - 1)
        return (0..<count).map { index in
            index < count / 2
                ? start.addingProduct(step, Float(index))
                : Float(1).addingProduct(-step, Float(count - index - 1))
        }
    }

    /// The code nearest to each of 65536 evenly spaced values from -1 to 1.
    ///
    /// bitsandbytes' CPU library looks codes up in such a table instead of searching; near a boundary between two
    /// codes that differs from the nearest one.
    static let nearest: [UInt8] = (0..<65536).map { index in
        let value = Float(index) * (2 / 65535) - 1
        // First entry that is not below the value; the last entry is 1, so there is one.
        var low = 0
        var high = 255
        while low < high {
            let middle = (low + high) / 2
            if values[middle] < value { low = middle + 1 } else { high = middle }
        }
        let right = max(low, 1)
        return UInt8(values[right] - value < value - values[right - 1] ? right : right - 1)
    }

    /// Codes and largest magnitudes of blocks of `blockSize` values: `bitsandbytes.functional.quantize_blockwise`
    /// on a CPU. A block of zeros has scale 0 and codes 0.
    static func encode(_ values: [Float], blockSize: Int) -> (codes: [UInt8], maxima: [Float]) {
        var codes = [UInt8](repeating: 0, count: values.count)
        var maxima: [Float] = []
        var start = 0
        while start < values.count {
            let end = min(start + blockSize, values.count)
            var maximum: Float = 0
            for index in start..<end { maximum = max(maximum, abs(values[index])) }
            maxima.append(maximum)
            if maximum > 0 {
                let inverse = 1 / maximum
                for index in start..<end { codes[index] = code(values[index] * inverse) }
            }
            start = end
        }
        return (codes, maxima)
    }

    private static func code(_ value: Float) -> UInt8 {
        // 0 / 0 where the reciprocal of a tiny scale is infinite.
        guard !value.isNaN else { return 0 }
        let scaled = (min(max(value, -1), 1) + 1) * 32767.5
        return nearest[min(65535, Int(scaled + 0.5))]
    }
}
