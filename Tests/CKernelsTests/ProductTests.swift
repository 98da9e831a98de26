import CKernels
import Testing

/// Products against the plain twin, against double arithmetic, and against themselves in other cuts.
struct ProductTests {
    /// Ragged in every direction; groups that divide the inputs and that do not.
    static let shapes: [(outputs: Int, inputs: Int, group: Int)] = [
        (1, 1, 1), (3, 2, 2), (5, 7, 7), (17, 31, 31), (31, 33, 32), (33, 100, 32), (48, 129, 128), (77, 640, 128),
        (16, 1000, 128), (40, 300, 96), (24, 1100, 1024),
    ]
    static let blockShapes: [(outputs: Int, inputs: Int, group: Int)] = [
        (1, 64, 64), (17, 128, 64), (33, 192, 128), (77, 320, 128), (20, 1088, 1024),
    ]
    static let formats = [CK_F32, CK_BF16, CK_INT8, CK_NF4]

    static func products(_ kind: NumberKind) -> [Product] {
        formats.flatMap { format in
            (format == CK_NF4 ? blockShapes : shapes).flatMap { shape in
                [1, 2, 3, 5, 6, 7, 11, 13, 14, 25, 31].map { rows in
                    Product(
                        format, outputs: shape.outputs, inputs: shape.inputs, group: shape.group, rows: rows,
                        kind: kind, seed: UInt64(rows * 1000 + shape.inputs))
                }
            }
        }
    }

    /// Every sum has the twin's order, so it has the twin's bits. vdpbf16ps alone rounds pairs in its own way and
    /// flushes denormals: within (k + 4) 2^-23 of the sum of magnitudes.
    @Test(arguments: KernelLevel.available, NumberKind.allCases)
    func agreesWithTheTwin(_ level: KernelLevel, _ kind: NumberKind) throws {
        for product in Self.products(kind) {
            let result = try product.packed(by: level).result()
            let expected = try product.packed(by: level.twin).result()
            guard product.format == CK_BF16, level.roundsPairs else {
                let difference = firstDifference(result, expected)
                #expect(difference == nil, "\(product.outputs)x\(product.inputs), \(product.rows) rows")
                continue
            }
            for row in 0..<product.rows {
                let bounds = (0..<product.outputs).map { output in
                    let magnitude = (0..<product.inputs).reduce(1e-36) { sum, input in
                        let x = Double(product.activations[row * product.inputs + input])
                        return sum + abs(x * Double(product.weights[output * product.inputs + input])) * 1.02
                    }
                    return Float(magnitude * Double(product.inputs + 4) * 0x1p-23)
                }
                let range = row * product.outputs..<(row + 1) * product.outputs
                let beyond = firstBeyond(Array(result[range]), Array(expected[range])) { bounds[$0] }
                #expect(beyond == nil || !(bounds.max()!.isFinite), "\(product.outputs)x\(product.inputs)")
            }
        }
    }

    /// The stated errors: bf16 2^-8 of each factor, int8 half a step of each (`Product+WeightError.swift`), NF4 the
    /// codes' rounding and half a step of the activations; and f32 rounding of every addition.
    @Test(arguments: KernelLevel.available, [NumberKind.normal, .outliers, .flat])
    func staysInsideTheStatedErrorOfTheWeightsAsGiven(_ level: KernelLevel, _ kind: NumberKind) throws {
        let limit = Int(level.table.activation_limit)
        for product in Self.products(kind) where product.rows < 6 {
            let result = try product.packed(by: level).result()
            let weightErrors = (0..<product.outputs).map { product.weightErrors(output: $0, limit: limit) }
            let inputs = product.inputs, integer = product.format == CK_INT8 || product.format == CK_NF4
            for row in 0..<product.rows {
                let x = product.activations[row * inputs..<(row + 1) * inputs].map(Double.init)
                let steps = stride(from: 0, to: inputs, by: product.group).map { start in
                    x[start..<min(inputs, start + product.group)].map(abs).max()! / Double(limit)
                }
                var beyond: Int?
                for output in 0..<product.outputs {
                    let w = product.weights[output * inputs..<(output + 1) * inputs].map(Double.init)
                    var sum = 0.0, bound = 1e-30
                    for input in 0..<inputs {
                        var errors = (x: 0.0, w: weightErrors[output][input])
                        if product.format == CK_BF16 { errors.x = abs(x[input]) * 0x1p-8 }
                        if integer { errors.x = 0.5001 * steps[input / product.group] }
                        sum += x[input] * w[input]
                        bound += errors.x * abs(w[input]) + errors.w * abs(x[input]) + errors.x * errors.w
                        bound += abs(x[input] * w[input]) * Double(inputs + 4) * 0x1p-24
                    }
                    let got = Double(result[row * product.outputs + output])
                    if abs(got - sum) > bound { beyond = beyond ?? output }
                }
                #expect(beyond == nil, "\(product.format) \(product.outputs)x\(inputs)")
            }
        }
    }

    /// A row's bits do not depend on the rows and panels beside it, and nothing outside the cut is written.
    @Test(arguments: KernelLevel.available)
    func givesTheSameBitsInEveryCut(_ level: KernelLevel) throws {
        var numbers = Numbers(seed: 9)
        for format in Self.formats {
            let product = Product(
                format, outputs: 77, inputs: 320, group: 128, rows: 150, kind: .outliers, seed: 4)
            let packed = try product.packed(by: level)
            let whole = packed.result()
            for attempt in 0..<40 {
                let first = numbers.below(product.rows), panel = numbers.below(product.panels)
                let rows = first..<first + 1 + (attempt < 10 ? 0 : numbers.below(product.rows - first))
                let panels = panel..<panel + 1 + numbers.below(product.panels - panel)
                let adds = attempt % 3 == 0
                var y = [Float](repeating: 3, count: whole.count)
                packed.run(rows: rows, panels: panels, flags: adds ? Int32(CK_GEMM_ADD) : 0, into: &y)
                let expected = whole.indices.map { index -> Float in
                    let inside = rows.contains(index / product.outputs)
                        && panels.contains(index % product.outputs / Int(CK_PANEL))
                    return inside ? (adds ? 3 + whole[index] : whole[index]) : 3
                }
                #expect(firstDifference(y, expected) == nil, "\(format), rows \(rows), panels \(panels)")
            }
        }
    }

    /// NaN and infinity stay in their own row and never trap.
    @Test(arguments: KernelLevel.available)
    func keepsNotANumberInItsRow(_ level: KernelLevel) throws {
        for format in Self.formats {
            for bad in [Float.nan, .infinity, -.infinity] {
                let clean = Product(format, outputs: 20, inputs: 128, group: 64, rows: 7, kind: .normal, seed: 5)
                let expected = try clean.packed(by: level).result()
                let packed = try clean.packed(by: level)
                var row = Array(clean.activations[128..<256])
                row[77] = bad
                level.table.prepare(
                    Int32(format.rawValue), 128, 64, row, 128, packed.prepared.pointer + packed.stride, packed.stride,
                    1)
                let result = packed.result()
                #expect(result[20..<40].allSatisfy { !$0.isFinite }, "\(format) hides \(bad)")
                let others = result.indices.filter { $0 / 20 != 1 }
                #expect(others.allSatisfy { same(result[$0], expected[$0]) }, "\(format): \(bad) leaks")
            }
        }
    }

    @Test(arguments: KernelLevel.available)
    func refusesWeightsThatAreNotFinite(_ level: KernelLevel) {
        for format in [CK_F32, CK_BF16, CK_INT8] {
            for bad in [Float.nan, .infinity, -.infinity] + (format == CK_BF16 ? [3.4e38] : []) {
                for position in [0, 5 * 33 + 32, 16 * 33] {
                    var rows = (0..<17 * 33).map { Float($0 % 13) - 6 }
                    rows[position] = bad
                    var matrix = ck_matrix(
                        data: Memory(byteCount: 1).pointer, format: Int32(format.rawValue), n: 17, k: 33, group: 33)
                    let target = Memory(byteCount: Int(level.table.panel_bytes(matrix.format, 33, 33)))
                    let panel = position / (16 * 33)
                    let status = rows.withUnsafeBufferPointer {
                        level.table.pack_panel(
                            &matrix, Int32(panel), $0.baseAddress! + panel * 16 * 33, 33, target.pointer)
                    }
                    #expect(status == CK_NOT_FINITE, "\(format) packs \(bad)")
                }
            }
        }
        var matrix = ck_matrix(
            data: Memory(byteCount: 1).pointer, format: Int32(CK_NF4.rawValue), n: 1, k: 64, group: 64)
        let target = Memory(byteCount: Int(level.table.panel_bytes(matrix.format, 64, 64)))
        let codes = [UInt8](repeating: 0, count: 32)
        for bad in [Float.nan, .infinity] {
            #expect(level.table.pack_panel_nf4(&matrix, 0, codes, [bad], target.pointer) == CK_NOT_FINITE)
        }
        #expect(
            level.table.pack_panel(&matrix, 0, [Float](repeating: 0, count: 64), 64, target.pointer) == CK_UNSUPPORTED)
        matrix.format = Int32(CK_INT8.rawValue)
        #expect(level.table.pack_panel_nf4(&matrix, 0, codes, [1], target.pointer) == CK_UNSUPPORTED)
    }
}
