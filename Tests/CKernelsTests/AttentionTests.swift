import CKernels
import Testing

/// Attention against the plain twin, and against itself in other cuts of the query rows.
struct AttentionTests {
    struct Case {
        var heads, keyHeads, size, length, window: Int
        var causal: Bool
    }

    static let cases: [Case] = [1, 2, 5, 6, 7, 14, 16, 17, 33, 64, 65, 130].flatMap { length in
        [1, 2, 16, 24, 32, 40, 64, 80, 128, 256].flatMap { size in
            [0, 1, 5, 20].flatMap { window in
                [false, true].map { causal in
                    Case(heads: 4, keyHeads: size % 3 + 1 == 3 ? 1 : 2, size: size, length: length, window: window,
                         causal: causal)
                }
            }
        }
    }

    /// Weights sum to 1, so an error is at most a few roundings of the largest value: within 1e-5 relative plus 2e-6.
    @Test(arguments: KernelLevel.available)
    func agreesWithTheTwin(_ level: KernelLevel) {
        for (seed, one) in Self.cases.enumerated() {
            let run = AttentionRun(one, seed: UInt64(seed))
            let got = run.result(level, rows: [0..<one.length]), want = run.result(level.twin, rows: [0..<one.length])
            #expect(firstBeyond(got, want) { 1e-5 * abs(want[$0]) + 2e-6 } == nil, "\(one)")
        }
    }

    /// A row's bits do not depend on the rows that are computed with it; rows outside the message stay as they were.
    @Test(arguments: KernelLevel.available)
    func givesTheSameBitsInEveryCut(_ level: KernelLevel) {
        var numbers = Numbers(seed: 6)
        for (seed, one) in Self.cases.enumerated() where seed % 5 == 0 {
            let run = AttentionRun(one, seed: UInt64(seed))
            var cuts: [Range<Int>] = []
            var row = 0
            while row < one.length {
                let end = row + 1 + numbers.below(one.length - row)
                cuts.append(row..<end)
                row = end
            }
            let whole = run.result(level, rows: [0..<one.length])
            #expect(firstDifference(whole, run.result(level, rows: cuts)) == nil, "\(one)")
            let width = one.heads * one.size
            #expect(whole.prefix(3 * width).allSatisfy { $0 == 7 } && whole.suffix(2 * width).allSatisfy { $0 == 7 })
        }
    }

    /// One visible row takes all the weight; equal scores share it.
    @Test(arguments: KernelLevel.available)
    func plainAnswers(_ level: KernelLevel) {
        let alone = Case(heads: 1, keyHeads: 1, size: 16, length: 9, window: 1, causal: false)
        let run = AttentionRun(alone, seed: 1)
        let result = run.result(level, rows: [0..<9])
        for row in 0..<9 {
            for element in 0..<16 { #expect(result[(row + 3) * 16 + element] == run.value(row, element)) }
        }
    }
}

/// Queries, keys and values of one message, with rows of other messages around it.
struct AttentionRun {
    let shape: AttentionTests.Case
    private let rows: [Float]
    private let width: Int
    private static let before = 3, after = 2

    init(_ shape: AttentionTests.Case, seed: UInt64) {
        self.shape = shape
        var numbers = Numbers(seed: seed + 11)
        width = (shape.heads + 2 * shape.keyHeads) * shape.size
        rows = numbers.row(.normal, (Self.before + shape.length + Self.after) * width)
    }

    /// Element of the first KV head's value of a row of the message.
    func value(_ row: Int, _ element: Int) -> Float {
        rows[(row + Self.before) * width + (shape.heads + shape.keyHeads) * shape.size + element]
    }

    /// [rows around and of the message, heads * size]; 7 where nothing was written.
    func result(_ level: KernelLevel, rows cuts: [Range<Int>]) -> [Float] {
        let outWidth = shape.heads * shape.size, total = Self.before + shape.length + Self.after
        var out = [Float](repeating: 7, count: total * outWidth)
        let workspace = Memory(byteCount: ck_attention_workspace(Int32(shape.length), Int32(shape.size)))
        rows.withUnsafeBufferPointer { rows in
            out.withUnsafeMutableBufferPointer { out in
                let q = rows.baseAddress!
                var arguments = ck_attention(
                    q: q, k: q + shape.heads * shape.size, v: q + (shape.heads + shape.keyHeads) * shape.size,
                    out: out.baseAddress!, ldq: width, ldk: width, ldv: width, ldo: outWidth,
                    heads: Int32(shape.heads), kv_heads: Int32(shape.keyHeads), head_dim: Int32(shape.size),
                    scale: 1 / Float(shape.size).squareRoot(), causal: shape.causal ? 1 : 0,
                    window: Int32(shape.window))
                for head in 0..<shape.keyHeads {
                    for cut in cuts {
                        level.table.attention(
                            &arguments, Int32(Self.before), Int32(Self.before + shape.length), Int32(head),
                            Int32(Self.before + cut.lowerBound), Int32(Self.before + cut.upperBound),
                            workspace.pointer)
                    }
                }
            }
        }
        return out
    }
}
