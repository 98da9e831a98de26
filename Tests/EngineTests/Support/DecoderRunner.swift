import Testing

@testable import Engine

/// A decoder of one precision, instruction set and thread count, run on lists of ids.
final class DecoderRunner {
    let decoder: Decoder
    private let pool: ForkJoinPool
    private let files: ModelFiles
    private let hiddenSize: Int

    init(
        _ files: ModelFiles, plan: DecoderPlan, precision: Precision, instructionSet: String? = nil, threads: Int = 1,
        rows: Int = 512, leastGateColumns: Int = Workspace.leastGateColumns
    ) throws {
        let kernels = try KernelSet(forced: instructionSet)
        guard let format = precision.format else { throw EngineError.unsupported("the reference has no kernels") }
        self.files = files
        hiddenSize = plan.hiddenSize
        pool = ForkJoinPool(threadCount: threads)
        let group = IntentEngine.quantisationGroup
        do throws(EngineError) {
            let weights = try DecoderWeights(
                files.source, plan: plan, positions: files.maximumTokens, format: format, group: group,
                kernels: kernels, pool: pool)
            decoder = Decoder(
                plan: plan, weights: weights, format: format, group: group, kernels: kernels, pool: pool, rows: rows,
                leastGateColumns: leastGateColumns)
        } catch {
            pool.stop()
            throw error
        }
    }

    convenience init(
        _ fixture: EngineFixture, precision: Precision, instructionSet: String? = nil, threads: Int = 1,
        leastGateColumns: Int = Workspace.leastGateColumns
    ) throws {
        try self.init(
            fixture.files, plan: fixture.plan, precision: precision, instructionSet: instructionSet, threads: threads,
            leastGateColumns: leastGateColumns)
    }

    deinit { pool.stop() }

    /// Hidden states of each message, row-major [tokens, hidden], all messages in one batch.
    func hiddenStates(_ messages: [[Int32]]) -> [[Float]] {
        var batch = PackedBatch()
        for message in messages { batch.append(message) }
        decoder.run(batch)
        return (0..<batch.messageCount).map { index in
            let span = batch.span(index)
            let start = decoder.workspace.residual.pointer + span.lowerBound * hiddenSize
            return (0..<span.count * hiddenSize).map { start[$0] }
        }
    }

    /// Logits of each message, all in one batch.
    func logits(_ messages: [[Int32]]) throws -> [[Float]] {
        try hiddenStates(messages).map { states in
            try states.withUnsafeBufferPointer { try #require(files.head).predict($0).logits }
        }
    }
}

/// Largest absolute difference, as a part of the largest absolute value of `expected`.
func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let size = expected.map(abs).max() ?? 0
    let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    return difference.isFinite ? difference / max(size, .leastNormalMagnitude) : .infinity
}
