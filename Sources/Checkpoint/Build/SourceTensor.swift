/// A tensor of the model that is being built, as f32 rows, whatever its source stores it as.
struct SourceTensor: Sendable {
    /// The name that transformers gives it.
    let name: String
    /// Outermost extent first.
    let shape: [Int]
    /// What it is stored as, or quantised from: values are rounded to this first.
    let format: FloatFormat
    /// Whether it is a linear layer's weight, to be stored in 4 bits.
    let isLinear: Bool
    /// Reads rows as f32, not yet rounded.
    let read: @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws(ModelBuildError) -> Void

    /// Elements in one row.
    var columns: Int { shape.count == 1 ? shape[0] : shape.dropFirst().reduce(1, *) }
    var rows: Int { shape.count == 1 ? 1 : shape[0] }
    var elementCount: Int { shape.reduce(1, *) }

    /// Calls `body` with the tensor's values, rounded to ``format``, in runs of whole rows that begin at a multiple of
    /// `block` elements.
    func forEachRun(
        block: Int, _ body: (UnsafeBufferPointer<Float>) throws(ModelBuildError) -> Void
    ) throws(ModelBuildError) {
        // Rows until the end of a row is also the end of a block, then as many times that as fill 256 Ki elements.
        let step = block / greatestCommonDivisor(block, columns)
        let rowsPerRun = step * max(1, (1 << 18) / (step * columns))
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(rowsPerRun, rows) * columns)
        defer { buffer.deallocate() }
        var row = 0
        while row < rows {
            let end = min(row + rowsPerRun, rows)
            let run = UnsafeMutableBufferPointer(rebasing: buffer[0..<(end - row) * columns])
            try read(row..<end, run)
            for index in run.indices { run[index] = format.rounded(run[index]) }
            try body(UnsafeBufferPointer(run))
            row = end
        }
    }
}

private func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
    var (a, b) = (left, right)
    while b != 0 { (a, b) = (b, a % b) }
    return a
}
