import CKernels

/// The operands of a product, before a level packs and prepares them.
struct Product {
    let format: ck_format
    let outputs, inputs, group, rows: Int
    /// [outputs, inputs]; of NF4 what the codes stand for.
    private(set) var weights: [Float]
    /// [rows, inputs]
    let activations: [Float]
    private var codes: [UInt8] = []
    private var scales: [Float] = []

    init(
        _ format: ck_format, outputs: Int, inputs: Int, group: Int, rows: Int, kind: NumberKind, seed: UInt64
    ) {
        var numbers = Numbers(seed: seed)
        self.format = format
        self.outputs = outputs
        self.inputs = inputs
        self.group = group
        self.rows = rows
        weights = numbers.row(kind, outputs * inputs)
        activations = numbers.row(kind, rows * inputs)
        guard format == CK_NF4 else { return }
        scales = numbers.row(kind, outputs * inputs / 64)
        codes = (0..<outputs * inputs / 2).map { pair in
            kind == .flat ? (weights[2 * pair] > 0 ? 0xff : 0) : UInt8(truncatingIfNeeded: numbers.bits())
        }
        weights = (0..<outputs * inputs).map { index in
            let code = index % 2 == 0 ? codes[index / 2] >> 4 : codes[index / 2] & 15
            return Self.codebook[Int(code)] * scales[index / 64]
        }
    }

    /// `bitsandbytes.functional.get_4bit_type("nf4")`.
    private static let codebook: [Float] = [
        -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
    ]

    /// What an NF4 weight's code stands for, before its scale.
    func codeValue(_ output: Int, _ input: Int) -> Double {
        let index = output * inputs + input
        return Double(Self.codebook[Int(index % 2 == 0 ? codes[index / 2] >> 4 : codes[index / 2] & 15)])
    }

    /// The magnitude of the scale that an NF4 weight shares with its block.
    func blockScale(_ output: Int, _ input: Int) -> Double {
        Double(scales[(output * inputs + input) / 64].magnitude)
    }

    var panels: Int { Int(ck_panels(Int32(outputs))) }

    /// The product by one level, ready to run in any cut.
    func packed(by level: KernelLevel) throws -> PackedProduct {
        let format32 = Int32(format.rawValue), table = level.table
        let panelBytes = Int(table.panel_bytes(format32, Int32(inputs), Int32(group)))
        let data = Memory(byteCount: panelBytes * panels)
        var matrix = ck_matrix(
            data: data.pointer, format: format32, n: Int32(outputs), k: Int32(inputs), group: Int32(group))
        for panel in 0..<panels {
            let first = panel * Int(CK_PANEL) * inputs, target = data.pointer + panel * panelBytes
            let status =
                format == CK_NF4
                ? codes.withUnsafeBufferPointer { codes in
                    scales.withUnsafeBufferPointer { scales in
                        table.pack_panel_nf4(
                            &matrix, Int32(panel), codes.baseAddress! + first / 2, scales.baseAddress! + first / 64,
                            target)
                    }
                }
                : weights.withUnsafeBufferPointer {
                    table.pack_panel(&matrix, Int32(panel), $0.baseAddress! + first, inputs, target)
                }
            guard status == CK_OK else { throw PackingFailure(status: status) }
        }
        let stride = Int(table.row_bytes(format32, Int32(inputs), Int32(group)))
        let prepared = Memory(byteCount: stride * rows)
        table.prepare(
            format32, Int32(inputs), Int32(group), activations, inputs, prepared.pointer, stride, Int32(rows))
        return PackedProduct(
            product: self, table: table, matrix: matrix, data: data, prepared: prepared, stride: stride)
    }
}

/// What packing reported instead of `CK_OK`.
struct PackingFailure: Error {
    let status: ck_status
}

/// A product in one level's layout.
struct PackedProduct {
    let product: Product
    let table: ck_kernels
    let matrix: ck_matrix
    let data: Memory
    let prepared: Memory
    let stride: Int

    /// The whole result, [rows, outputs].
    func result() -> [Float] {
        var y = [Float](repeating: .nan, count: product.rows * product.outputs)
        run(rows: 0..<product.rows, panels: 0..<product.panels, into: &y)
        return y
    }

    /// Runs a cut of the product into `y`, which is laid out as the whole result.
    func run(rows: Range<Int>, panels: Range<Int>, flags: Int32 = 0, into y: inout [Float]) {
        withUnsafePointer(to: matrix) { matrix in
            table.gemm(
                matrix, prepared.pointer, stride, &y, product.outputs, Int32(rows.lowerBound), Int32(rows.upperBound),
                Int32(panels.lowerBound), Int32(panels.upperBound), flags, nil)
        }
    }
}
