import CKernels
import Testing

/// Norms, sums and rotations against the plain twin, for every width up to a few vectors and some beyond.
struct RowStepTests {
    static let widths = Array(1...70) + [127, 128, 255, 640, 1000, 1024, 1025, 2048]
    private static let rows = 3, spacing = 2100

    /// f32 sums of squares against double ones: within 2e-6 of the result, for values below 1e17.
    @Test(arguments: KernelLevel.available, NumberKind.allCases)
    func normsAgreeWithTheTwin(_ level: KernelLevel, _ kind: NumberKind) {
        var numbers = Numbers(seed: 2)
        for width in Self.widths {
            let scale: Float = kind == .huge ? 1e-13 : 1
            let x = numbers.row(kind, Self.rows * Self.spacing).map { $0 * scale }
            let residual = numbers.row(kind, Self.rows * Self.spacing).map { $0 * scale }
            let weight = numbers.row(.normal, width)
            for flags in [0, Int32(CK_NORM_UNIT_OFFSET)] {
                let results = [level, level.twin].map { level in
                    var y = [Float](repeating: 0, count: x.count), sum = residual
                    level.table.rmsnorm(
                        x, Self.spacing, weight, Int32(width), 1e-6, flags, &y, Self.spacing, Int32(Self.rows))
                    level.table.add_rmsnorm(
                        &sum, Self.spacing, x, Self.spacing, weight, Int32(width), 1e-6, flags, Int32(Self.rows))
                    return (norm: y, sum: sum)
                }
                let got = results[0], want = results[1]
                #expect(firstBeyond(got.norm, want.norm) { 2e-6 * abs(want.norm[$0]) + 1e-44 } == nil, "\(width)")
                let beyond = firstBeyond(got.sum, want.sum) { index in
                    2e-6 * (abs(want.norm[index]) + abs(residual[index])) + 1e-44
                }
                #expect(beyond == nil, "\(width)")
            }
        }
    }

    /// One rounding an operation in one order: the twin's bits.
    @Test(arguments: KernelLevel.available)
    func sumsAndRotationsHaveTheTwinsBits(_ level: KernelLevel) {
        var numbers = Numbers(seed: 3)
        for width in Self.widths {
            let x = numbers.row(.normal, Self.rows * Self.spacing), y = numbers.row(.normal, x.count)
            let sums = [level, level.twin].map { level in
                var sum = x
                level.table.add(&sum, Self.spacing, y, Self.spacing, Int32(width), Int32(Self.rows))
                return sum
            }
            #expect(firstDifference(sums[0], sums[1]) == nil)
            guard width % 2 == 0, width <= 256 else { continue }
            let angles = numbers.row(.normal, 9 * width / 2), sines = numbers.row(.normal, 9 * width / 2)
            let rotated = [level, level.twin].map { level in
                var rows = x
                level.table.rope(
                    &rows, Self.spacing, 3, Int32(width), angles, sines, [0, 8, 3], Int32(Self.rows))
                return rows
            }
            #expect(firstDifference(rotated[0], rotated[1]) == nil)
        }
    }

    /// Decoded 4-bit weights have the twin's bits, wherever they begin and end, in every rounding; nothing is written
    /// beside them.
    @Test(arguments: KernelLevel.available, NumberKind.allCases)
    func decodedWeightsHaveTheTwinsBits(_ level: KernelLevel, _ kind: NumberKind) {
        var numbers = Numbers(seed: 6)
        for count in Self.widths + [5000] {
            for rounding in [CK_ROUND_F32, CK_ROUND_BF16, CK_ROUND_F16] {
                let block = 32 << numbers.below(8), first = numbers.below(3 * block), all = first + count
                // No more of either than the elements need.
                let codes = (0..<(all + 1) / 2).map { _ in UInt8(truncatingIfNeeded: numbers.bits() >> 40) }
                let scales = numbers.row(kind, (all + block - 1) / block), book = numbers.row(.normal, 16)
                let results = [level, level.twin].map { level in
                    var target = [Float](repeating: 7, count: count + 16)
                    level.table.decode_four_bit(
                        codes, book, scales, Int32(block), Int32(rounding.rawValue), first, count, &target)
                    return target
                }
                #expect(firstDifference(results[0], results[1]) == nil, "\(count) from \(first), blocks of \(block)")
                #expect(results[0].suffix(16).allSatisfy { $0 == 7 })
            }
        }
    }

    /// Low-rank updates round every step by itself in one order: the twin's bits, whatever rows are in the call.
    @Test(arguments: KernelLevel.available, NumberKind.allCases)
    func lowRankUpdatesHaveTheTwinsBits(_ level: KernelLevel, _ kind: NumberKind) {
        var numbers = Numbers(seed: 5)
        for width in Self.widths {
            let rank = [1, 2, 3, 16, 17, 40][numbers.below(6)], rows = 1 + numbers.below(17), spacing = width + 3
            let a = numbers.row(kind, rank * width), scale = numbers.normal()
            // Of one row all factors are zero.
            let b = [Float](repeating: 0, count: rank) + numbers.row(.normal, (rows - 1) * rank)
            let base = numbers.row(kind, rows * spacing)
            var got = base, want = base
            level.table.add_low_rank(a, b, Int32(rank), scale, &got, spacing, Int32(width), Int32(rows))
            for row in 0..<rows {
                want.withUnsafeMutableBufferPointer { want in
                    guard let start = want.baseAddress else { return }
                    level.twin.table.add_low_rank(
                        a, Array(b[(row * rank)...]), Int32(rank), scale, start + row * spacing, spacing, Int32(width), 1)
                }
            }
            #expect(firstDifference(got, want) == nil, "rank \(rank), [\(rows), \(width)]")
        }
    }

    /// The fused forms give the bits of the separate steps, in every format.
    @Test(arguments: KernelLevel.available, NumberKind.allCases)
    func fusedFormsHaveTheBitsOfSeparateSteps(_ level: KernelLevel, _ kind: NumberKind) {
        var numbers = Numbers(seed: 4)
        let table = level.table, rows = Int32(Self.rows)
        for width in Self.widths {
            let x = numbers.row(kind, Self.rows * Self.spacing), up = numbers.row(kind, x.count)
            let weight = numbers.row(.normal, width)
            let group = Int32(min(width, 64)), wide = Int32(width)
            for format in [CK_F32, CK_BF16, CK_INT8].map({ Int32($0.rawValue) }) {
                let stride = Int(table.row_bytes(format, wide, group))
                var y = [Float](repeating: 0, count: x.count)
                func prepared(_ fill: (UnsafeMutableRawPointer) -> Void) -> [UInt8] {
                    let memory = Memory(byteCount: stride * Self.rows)
                    fill(memory.pointer)
                    return Array(UnsafeRawBufferPointer(start: memory.pointer, count: stride * Self.rows))
                }
                table.rmsnorm(x, Self.spacing, weight, wide, 1e-6, 0, &y, Self.spacing, rows)
                let separateNorm = prepared { table.prepare(format, wide, group, y, Self.spacing, $0, stride, rows) }
                let fusedNorm = prepared {
                    table.rmsnorm_prepare(format, group, x, Self.spacing, weight, wide, 1e-6, 0, $0, stride, rows)
                }
                #expect(separateNorm == fusedNorm, "\(width)")
                for gate in [CK_GEGLU_TANH, CK_SWIGLU].map({ Int32($0.rawValue) }) {
                    table.gated(gate, x, Self.spacing, up, Self.spacing, wide, &y, Self.spacing, rows)
                    let separate = prepared { table.prepare(format, wide, group, y, Self.spacing, $0, stride, rows) }
                    // In two runs of elements.
                    let cut = width / 2 / Int(group) * Int(group)
                    let fused = prepared { target in
                        for (first, last) in [(0, cut), (cut, width)] {
                            table.gated_prepare(
                                format, group, gate, Array(x[first...]), Self.spacing, Array(up[first...]),
                                Self.spacing, wide, Int32(first), Int32(last), target, stride, rows)
                        }
                    }
                    #expect(separate == fused, "\(width)")
                }
            }
        }
    }
}
