import CKernels
import Checkpoint
import Synchronization

/// Fills a packed matrix panel by panel, on all threads, with one panel of f32 rows a thread as working memory.
struct PanelPacker {
    let parts: [MergedLinear]
    let shape: ck_matrix
    let panelBytes: Int
    let kernels: KernelSet
    /// The base's codes and scales go in as they are, without the adapter, where a part is NF4 already.
    let keeps4Bit: Bool

    private var width: Int { Int(CK_PANEL) }

    func pack(into data: AlignedBuffer<UInt8>, pool: ForkJoinPool) throws(EngineError) {
        if keeps4Bit { try checkFourBit() }
        let panels = Int(ck_panels(shape.n))
        let scratch = (0..<pool.threadCount).map { _ in AlignedBuffer<Float>(count: width * Int(shape.k)) }
        let failure = Mutex<EngineError?>(nil)
        pool.withActiveWorkers {
            pool.forEach(panels) { panel, thread in
                do throws(EngineError) {
                    try pack(panel, into: data.pointer + panel * panelBytes, rows: scratch[thread])
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private func pack(
        _ panel: Int, into target: UnsafeMutablePointer<UInt8>, rows: AlignedBuffer<Float>
    ) throws(EngineError) {
        let first = panel * width, last = min(first + width, Int(shape.n)), columns = Int(shape.k)
        var start = 0
        var row = first
        var sources: [String] = []
        for part in parts {
            let partStart = start
            start += part.rows
            // Parts before and behind the panel have none of its rows.
            guard max(row, partStart) < min(last, start) else { continue }
            let range = max(row, partStart) - partStart..<min(last, start) - partStart
            sources.append(part.weight.name)
            // `checkFourBit` has seen to it that the panel is of one part, which is quantised.
            if keeps4Bit, case .quantized(let matrix) = part.weight {
                return try check(pack(matrix, rows: range, panel, target), sources)
            }
            let offset = (row - first) * columns
            let buffer = UnsafeMutableBufferPointer(start: rows.pointer + offset, count: range.count * columns)
            try part.read(rows: range, into: buffer, kernels: kernels)
            row += range.count
        }
        let status = withUnsafePointer(to: shape) { shape in
            kernels.table.pack_panel(shape, Int32(panel), rows.pointer, columns, target)
        }
        try check(status, sources)
    }

    /// Hands codes and scales over as they are: nothing is quantised again.
    private func pack(
        _ matrix: QuantizedMatrix, rows: Range<Int>, _ panel: Int, _ target: UnsafeMutablePointer<UInt8>
    ) -> ck_status {
        let columns = Int(shape.k)
        return matrix.withUnsafeCodes { codes in
            matrix.scales.withUnsafeBufferPointer { scales in
                withUnsafePointer(to: shape) { shape in
                    guard let codes = codes.baseAddress, let scales = scales.baseAddress else { return CK_UNSUPPORTED }
                    return kernels.table.pack_panel_nf4(
                        shape, Int32(panel),
                        codes.assumingMemoryBound(to: UInt8.self) + rows.lowerBound * columns / 2,
                        scales + rows.lowerBound * columns / Int(CK_NF4_BLOCK), target)
                }
            }
        }
    }

    /// - Parameter sources: the tensors that the panel has rows of.
    private func check(_ status: ck_status, _ sources: [String]) throws(EngineError) {
        switch status {
        case CK_OK: return
        case CK_NOT_FINITE: throw .mismatch("\(sources.joined(separator: " or ")) holds a NaN or an infinity")
        default: throw .unsupported("\(sources.joined(separator: " or ")) in this precision")
        }
    }

    /// What keeps weights from staying 4-bit: another code book or block size, DoRA, or a part that shares a panel
    /// with its sibling.
    private func checkFourBit() throws(EngineError) {
        for part in parts {
            guard case .quantized(let matrix) = part.weight, matrix.kind == .nf4,
                matrix.blockSize == Int(CK_NF4_BLOCK), matrix.columns % matrix.blockSize == 0
            else { throw .unsupported("\(part.weight.name) is not NF4 in blocks of 64 within rows: use another precision") }
            if part.update?.magnitude != nil {
                throw .unsupported("DoRA over 4-bit weights (\(part.weight.name)): use another precision")
            }
            if parts.count > 1, part.rows % width != 0 {
                throw .unsupported("\(part.weight.name) has \(part.rows) outputs, not a multiple of \(width), in nf4")
            }
        }
    }
}
