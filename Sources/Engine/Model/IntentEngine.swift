import CKernels
import Checkpoint
import FoundationEssentials

/// A loaded model that classifies tokenised messages.
///
/// Use from one thread at a time: working memory and compute threads are its own. `tokenizer` and `description` may be
/// taken elsewhere. Call `stop()` when done.
public final class IntentEngine {
    /// What was loaded.
    public let description: ModelDescription
    /// Text to tokens for this model.
    public let tokenizer: MessageTokenizer

    private let backend: Backend
    private let head: ClassificationHead
    private let plan: DecoderPlan
    private let pool: ForkJoinPool

    /// What runs the decoder.
    private enum Backend {
        case reference(ReferenceDecoder)
        case packed(Decoder)
    }

    /// Tokens that run at once; a longer batch is cut into runs of whole messages. More would not be faster: the
    /// products are compute-bound well below this, and working memory grows with it.
    public static let microBatchTokens = 512

    /// Inputs that share an activation scale in int8 and nf4.
    static let quantisationGroup = 128

    /// Loads, merges and packs a model.
    /// - Parameter progress: called with the layers packed and the layers there are.
    /// - Throws: `EngineError` for whatever is missing or wrong, before anything was run.
    public init(_ options: LoadOptions, progress: (Int, Int) -> Void = { _, _ in }) throws(EngineError) {
        let folder = try ModelFolder(path: options.model, adapter: options.adapter, base: options.base)
        let files = try ModelFiles(folder)
        let plan = files.plan
        let kernels = try KernelSet(forced: options.instructionSet)
        let precision = options.precision ?? Self.fastestPrecision(kernels)
        pool = ForkJoinPool(threadCount: options.threads ?? ProcessorBudget.available())
        self.plan = plan
        head = files.head
        do throws(EngineError) {
            tokenizer = try files.tokenizer()
            let rows = max(Self.microBatchTokens, files.maximumTokens)
            var weightBytes = 0, workspaceBytes = 0
            if let format = precision.format {
                let weights = try DecoderWeights(
                    files.source, plan: plan, positions: files.maximumTokens, format: format,
                    group: Self.quantisationGroup, kernels: kernels, pool: pool,
                    progress: { progress($0, plan.layers.count) })
                let decoder = Decoder(
                    plan: plan, weights: weights, format: format, group: Self.quantisationGroup, kernels: kernels,
                    pool: pool, rows: rows)
                weightBytes = weights.byteCount
                workspaceBytes = decoder.workspace.byteCount
                backend = .packed(decoder)
            } else {
                let weights = try ReferenceWeights(files.source, plan: plan, positions: files.maximumTokens)
                weightBytes = weights.byteCount
                backend = .reference(ReferenceDecoder(plan: plan, weights: weights))
            }
            description = files.description(
                precision: precision, kernels: precision == .reference ? "openblas" : kernels.name,
                threads: pool.threadCount, weightBytes: weightBytes, workspaceBytes: workspaceBytes)
        } catch {
            pool.stop()
            throw error
        }
    }

    /// The fastest precision of this level. The generic level has no SIMD to gain from, so it stays exact.
    static func fastestPrecision(_ kernels: KernelSet) -> Precision {
        kernels.name == ck_level_name(CK_LEVEL_GENERIC).map { String(cString: $0) } ? .f32 : .int8
    }

    /// Classifies messages; one result a message, in order. A message that cannot be classified fails alone.
    public func classify(_ messages: [TokenizedMessage]) -> [Result<Prediction, EngineError>] {
        var results: [Result<Prediction, EngineError>] = []
        results.reserveCapacity(messages.count)
        var run: [TokenizedMessage] = []
        var tokens = 0
        func flush() {
            results += classify(run: run)
            run.removeAll(keepingCapacity: true)
            tokens = 0
        }
        for message in messages {
            if tokens + message.ids.count > capacity { flush() }
            run.append(message)
            tokens += message.ids.count
        }
        flush()
        return results
    }

    /// Ends the compute threads. The engine must not be used afterwards.
    public func stop() { pool.stop() }

    /// Tokens that one run may have.
    private var capacity: Int {
        switch backend {
        case .reference: Self.microBatchTokens
        case .packed(let decoder): decoder.workspace.rows
        }
    }

    private func classify(run: [TokenizedMessage]) -> [Result<Prediction, EngineError>] {
        let checked = run.map(check)
        var batch = PackedBatch()
        for case .success(let message) in checked { batch.append(message.ids) }
        guard batch.messageCount > 0 else { return checked.map { $0.flatMap { _ in .failure(.emptyMessage) } } }
        var predictions = predictions(batch)[...]
        return checked.map { $0.flatMap { _ in predictions.removeFirst() } }
    }

    private func check(_ message: TokenizedMessage) -> Result<TokenizedMessage, EngineError> {
        guard !message.ids.isEmpty else { return .failure(.emptyMessage) }
        guard message.ids.count <= tokenizer.maximumTokens else {
            return .failure(.messageTooLong(tokens: message.ids.count, limit: tokenizer.maximumTokens))
        }
        if let unknown = message.ids.first(where: { $0 < 0 || Int($0) >= plan.vocabularySize }) {
            return .failure(.unknownToken(id: unknown, vocabularySize: plan.vocabularySize))
        }
        return .success(message)
    }

    private func predictions(_ batch: PackedBatch) -> [Result<Prediction, EngineError>] {
        let hidden = plan.hiddenSize
        switch backend {
        case .reference(let decoder):
            return (0..<batch.messageCount).map { index in
                let states = decoder.hiddenStates(Array(batch.ids[batch.span(index)]))
                return states.withUnsafeBufferPointer { states in predict(states) }
            }
        case .packed(let decoder):
            decoder.run(batch)
            return (0..<batch.messageCount).map { index in
                let span = batch.span(index)
                return predict(
                    UnsafeBufferPointer(
                        start: decoder.workspace.residual.pointer + span.lowerBound * hidden,
                        count: span.count * hidden))
            }
        }
    }

    private func predict(_ states: UnsafeBufferPointer<Float>) -> Result<Prediction, EngineError> {
        do throws(EngineError) { return .success(try head.predict(states)) } catch { return .failure(error) }
    }
}
