import CKernels
import Checkpoint
import Glibc

/// The language model's head over a label tree: the log-probability of each label as a continuation of the prompt.
///
/// Owned by one thread: working memory is reused from call to call.
final class ContinuationScorer {
    private let trie: LabelTrie
    private let head: PackedLinear
    private let softcap: Float?
    private let kernels: KernelSet
    private let pool: ForkJoinPool
    private let format: ck_format
    private let group: Int
    private let hiddenSize: Int

    /// Vocabulary entries of one tile.
    private static let panelsPerTile = 64
    private static var tileWidth: Int { panelsPerTile * Int(CK_PANEL) }

    /// Rows in the form that the head reads.
    private let prepared: AlignedBuffer<UInt8>
    private let rowBytes: Int
    /// Logits of one tile, one a thread.
    private let logits: [AlignedBuffer<Float>]
    /// Per tile and row: the largest logit, and the sum of exponentials below it.
    private let tops, sums: AlignedBuffer<Float>
    private let steps: [LabelTrie.Step]
    private let stepLogits: AlignedBuffer<Float>
    private let tiles: Int

    /// Bytes of working memory.
    var workspaceBytes: Int {
        prepared.byteCount + ([tops, sums, stepLogits] + logits).reduce(0) { $0 + $1.byteCount }
    }
    var memory: MemoryPart {
        MemoryPart(name: "language-model head", bytes: head.byteCount, f32Bytes: head.f32Bytes)
    }

    init(
        _ source: WeightSource, trie: LabelTrie, format: ck_format, group: Int, kernels: KernelSet, pool: ForkJoinPool
    ) throws(EngineError) {
        let configuration = source.base.configuration
        self.trie = trie
        self.kernels = kernels
        self.pool = pool
        self.group = group
        softcap = configuration.finalLogitSoftcap
        hiddenSize = configuration.hiddenSize
        self.format = Self.headFormat(format)
        let linear = try source.languageModelHead()
        steps = trie.steps
        if let step = steps.first(where: { Int($0.token) >= linear.rows }) {
            throw .unknownToken(id: step.token, vocabularySize: linear.rows)
        }
        head = try PackedLinear(
            [linear], format: self.format, group: group, kernels: kernels, pool: pool, in: WeightArena())
        let rows = trie.rows.count + 1
        rowBytes = Int(kernels.table.row_bytes(
            Int32(self.format.rawValue), Int32(hiddenSize), Int32(min(group, hiddenSize))))
        prepared = AlignedBuffer(count: rows * rowBytes)
        tiles = (head.outputs + Self.tileWidth - 1) / Self.tileWidth
        logits = (0..<pool.threadCount).map { _ in AlignedBuffer(count: rows * Self.tileWidth) }
        tops = AlignedBuffer(count: tiles * rows)
        sums = AlignedBuffer(count: tiles * rows)
        stepLogits = AlignedBuffer(count: steps.count)
    }

    /// How the head is held where the layers are in `format`. It is never 4-bit in the file; int8 is the nearest.
    static func headFormat(_ format: ck_format) -> ck_format { format == CK_NF4 ? CK_INT8 : format }

    /// Log-probability of each label.
    /// - Parameter states: normalised hidden states of the prompt's last token and of the tree's rows, row-major.
    func scores(_ states: UnsafePointer<Float>) -> [Float] {
        let rows = trie.rows.count + 1
        kernels.table.prepare(
            Int32(format.rawValue), Int32(hiddenSize), Int32(min(group, hiddenSize)), states, hiddenSize,
            UnsafeMutableRawPointer(prepared.pointer), rowBytes, Int32(rows))
        pool.withActiveWorkers {
            pool.forEach(tiles) { tile, thread in score(tile, rows, logits[thread].pointer) }
        }
        // Tiles joined in order: the same bits on any number of threads.
        let normalisers = (0..<rows).map { row in
            let top = (0..<tiles).map { tops[$0 * rows + row] }.max() ?? 0
            let sum = (0..<tiles).reduce(Float(0)) { $0 + sums[$1 * rows + row] * exp(tops[$1 * rows + row] - top) }
            return top + log(sum)
        }
        var logProbabilities: [LabelTrie.Step: Float] = [:]
        for (index, step) in steps.enumerated() {
            logProbabilities[step] = stepLogits[index] - normalisers[step.row]
        }
        return trie.labels.map { $0.reduce(0) { $0 + (logProbabilities[$1] ?? -.infinity) } }
    }

    private func score(_ tile: Int, _ rows: Int, _ target: UnsafeMutablePointer<Float>) {
        let panels = Int(ck_panels(head.matrix.n))
        let first = tile * Self.panelsPerTile, last = min(first + Self.panelsPerTile, panels)
        let start = first * Int(CK_PANEL), end = min(last * Int(CK_PANEL), head.outputs)
        withUnsafePointer(to: head.matrix) { matrix in
            kernels.table.gemm(
                matrix, UnsafeRawPointer(prepared.pointer), rowBytes, target - start, Self.tileWidth, 0, Int32(rows),
                Int32(first), Int32(last), 0, nil)
        }
        for row in 0..<rows {
            let line = UnsafeMutableBufferPointer(start: target + row * Self.tileWidth, count: end - start)
            if let bias = head.bias { for index in line.indices { line[index] += bias[start + index] } }
            if let softcap { for index in line.indices { line[index] = softcap * tanh(line[index] / softcap) } }
            let top = line.max() ?? 0
            tops[tile * rows + row] = top
            sums[tile * rows + row] = line.reduce(0) { $0 + exp($1 - top) }
        }
        for (index, step) in steps.enumerated() where (start..<end).contains(Int(step.token)) {
            stepLogits[index] = target[step.row * Self.tileWidth + Int(step.token) - start]
        }
    }
}
