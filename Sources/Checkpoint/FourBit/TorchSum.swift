/// The sum and mean of f32 values in the order in which torch adds them on a CPU, so that a mean equals torch's in
/// every bit.
///
/// Source: `cascade_sum` in aten/src/ATen/native/cpu/SumKernel.cpp of PyTorch (four interleaved rows of eight lanes,
/// partial sums in four levels). torch splits sums of 32768 values and more between threads, each thread's part by
/// this order: the result here is that of one thread.
enum TorchSum {
    private static let lanes = 8
    private static let interleave = 4
    private static let levels = 4

    /// `torch.mean(values)` of an f32 tensor; 0 for no values.
    static func mean(_ values: [Float]) -> Float {
        values.isEmpty ? 0 : sum(values) / Float(values.count)
    }

    /// `torch.sum(values)` of an f32 tensor.
    static func sum(_ values: [Float]) -> Float {
        values.withUnsafeBufferPointer { values in
            guard values.count >= lanes else { return rowSum(values, width: 1, rows: values.count)[0] }
            let rows = values.count / lanes
            let partial = rowSum(values, width: lanes, rows: rows)
            var result: Float = 0
            for index in rows * lanes..<values.count { result += values[index] }
            for lane in 0..<lanes { result += partial[lane] }
            return result
        }
    }

    /// Adds `rows` rows of `width` values each, lane by lane.
    private static func rowSum(_ values: UnsafeBufferPointer<Float>, width: Int, rows: Int) -> [Float] {
        let steps = rows / interleave
        var partial = cascade(values, width: width * interleave, steps: steps)
        for row in steps * interleave..<rows {
            for lane in 0..<width { partial[lane] += values[row * width + lane] }
        }
        for part in 1..<interleave {
            for lane in 0..<width { partial[lane] += partial[part * width + lane] }
        }
        return Array(partial.prefix(width))
    }

    /// Adds `steps` rows of `width` values with partial sums in four levels.
    private static func cascade(_ values: UnsafeBufferPointer<Float>, width: Int, steps: Int) -> [Float] {
        let power = max(4, ceilLog2(steps) / levels)
        let step = 1 << power
        var sums = [[Float]](repeating: [Float](repeating: 0, count: width), count: levels)
        var row = 0
        while row + step <= steps {
            for _ in 0..<step {
                for lane in 0..<width { sums[0][lane] += values[row * width + lane] }
                row += 1
            }
            for level in 1..<levels {
                for lane in 0..<width {
                    sums[level][lane] += sums[level - 1][lane]
                    sums[level - 1][lane] = 0
                }
                if row & ((step - 1) << (level * power)) != 0 { break }
            }
        }
        while row < steps {
            for lane in 0..<width { sums[0][lane] += values[row * width + lane] }
            row += 1
        }
        for level in 1..<levels {
            for lane in 0..<width { sums[0][lane] += sums[level][lane] }
        }
        return sums[0]
    }

    private static func ceilLog2(_ value: Int) -> Int {
        value <= 1 ? 0 : Int.bitWidth - (value - 1).leadingZeroBitCount
    }
}
