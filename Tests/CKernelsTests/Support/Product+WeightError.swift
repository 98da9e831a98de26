import CKernels

extension Product {
    /// How far each weight of an output is held from what was given, at most.
    /// - Parameter limit: the level's `activation_limit`, which tells how it quantises weights.
    func weightErrors(output: Int, limit: Int) -> [Double] {
        let row = (0..<inputs).map { Double(weights[output * inputs + $0]) }
        switch format {
        case CK_BF16: return row.map { abs($0) * 0x1p-8 }
        case CK_INT8:
            var step = (row.map(abs).max() ?? 0) / 127
            // 16 weights of a chain round, each by half a step at most; the last scale that was too fine is left by
            // one 256th.
            if Self.isChained(limit) { step = max(step, Self.chainSum(row) / (Self.reach(limit) - 8) * (1 + 0x1p-8)) }
            return row.map { _ in 0.5001 * step }
        case CK_NF4:
            let panel = output / Int(CK_PANEL) * Int(CK_PANEL)
            let panelOutputs = panel..<min(outputs, panel + Int(CK_PANEL))
            let shares = stride(from: 0, to: inputs, by: Int(CK_NF4_BLOCK)).map { start in
                guard Self.isChained(limit) else { return limit == 127 ? 0.0038 : 0.00013 }
                let largest = panelOutputs.map { output in
                    Self.chainSum((start..<start + Int(CK_NF4_BLOCK)).map { codeValue(output, $0) })
                }.max() ?? 0
                return 0.5001 / min(127, (Self.reach(limit) - 8) / largest - 1)
            }
            return row.indices.map { blockScale(output, $0) * shares[$0 / Int(CK_NF4_BLOCK)] }
        default: return row.map { _ in 0 }
        }
    }

    private static func isChained(_ limit: Int) -> Bool { limit != 127 && limit != 8191 }

    private static func reach(_ limit: Int) -> Double { Double(32767 / (2 * limit)) }

    /// The largest sum of weights of one sign that one 16-bit lane of a chain adds; see `ck_kernels.pack_panel`.
    private static func chainSum(_ row: [Double]) -> Double {
        stride(from: 0, to: row.count, by: 32).flatMap { start in
            (0..<2).flatMap { lane in
                let values = (start..<min(row.count, start + 32)).filter { $0 % 4 / 2 == lane }.map { row[$0] }
                return [values.filter { $0 > 0 }.reduce(0, +), -values.filter { $0 < 0 }.reduce(0, +)]
            }
        }.max() ?? 0
    }
}
