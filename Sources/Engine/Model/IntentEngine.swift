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

    private let classifier: any MessageClassifier
    private let vocabularySize: Int
    private let pool: ForkJoinPool

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
        let kernels = try KernelSet(forced: options.instructionSet)
        let precision: Precision
        var precisionReason: String?
        if let asked = options.precision {
            precision = asked
        } else {
            let automatic = try AutomaticPrecision(
                adapter: folder.adapter, isNF4: files.source.isNF4, kernels: kernels)
            (precision, precisionReason) = (automatic.precision, automatic.reason)
        }
        pool = ForkJoinPool(threadCount: options.threads ?? ProcessorBudget.available())
        vocabularySize = files.plan.vocabularySize
        do throws(EngineError) {
            let prompt = try files.prompt()
            if let format = precision.format {
                classifier = try PackedClassifier(
                    files, prompt: prompt, format: format, group: Self.quantisationGroup, rows: Self.microBatchTokens,
                    kernels: kernels, pool: pool, progress: { progress($0, files.plan.layers.count) })
            } else {
                classifier = try ReferenceClassifier(files, prompt: prompt, rows: Self.microBatchTokens)
            }
            // Not before, since it may still be being read while weights are packed.
            let plain = try files.tokenizer()
            tokenizer = try prompt.map { prompt throws(EngineError) in try MessageTokenizer(plain, prompt: prompt) } ?? plain
            description = files.description(
                precision: precision, precisionReason: precisionReason,
                kernels: precision == .reference ? "openblas" : kernels.name,
                activationLimit: kernels.activationLimit, threads: pool.threadCount, memory: classifier.memory,
                precisionMemory: PrecisionMemory.all(
                    files.plan, source: files.source, loaded: classifier.memory, packsHead: files.head == nil,
                    group: Self.quantisationGroup, kernels: kernels),
                workspaceBytes: classifier.workspaceBytes)
        } catch {
            pool.stop()
            throw error
        }
    }

    /// Classifies messages; one result a message, in order. A message that cannot be classified fails alone.
    public func classify(_ messages: [TokenizedMessage]) -> [Result<Prediction, EngineError>] {
        var results: [Result<Prediction, EngineError>] = []
        results.reserveCapacity(messages.count)
        var run: [Result<[Int32], EngineError>] = []
        var tokens = 0
        func flush() {
            let valid = run.compactMap { try? $0.get() }
            var predictions = (valid.isEmpty ? [] : classifier.predictions(valid))[...]
            results += run.map { $0.flatMap { _ in predictions.removeFirst() } }
            run.removeAll(keepingCapacity: true)
            tokens = 0
        }
        for message in messages {
            let checked = check(message)
            let cost = checked.map { $0.count + classifier.extraTokens }.valueOrZero
            if tokens + cost > classifier.capacity { flush() }
            run.append(checked)
            tokens += cost
        }
        flush()
        return results
    }

    /// Hidden states after the final norm, row-major [tokens, hidden]: for comparing with other implementations.
    public func hiddenStates(of message: TokenizedMessage) throws(EngineError) -> [Float] {
        classifier.hiddenStates(try check(message).get())
    }

    /// Ends the compute threads. The engine must not be used afterwards.
    public func stop() { pool.stop() }

    private func check(_ message: TokenizedMessage) -> Result<[Int32], EngineError> {
        guard !message.ids.isEmpty else { return .failure(.emptyMessage) }
        guard message.ids.count <= tokenizer.maximumTokens else {
            return .failure(.messageTooLong(tokens: message.ids.count, limit: tokenizer.maximumTokens))
        }
        if let unknown = message.ids.first(where: { $0 < 0 || Int($0) >= vocabularySize }) {
            return .failure(.unknownToken(id: unknown, vocabularySize: vocabularySize))
        }
        return .success(message.ids)
    }
}

extension Result where Success == Int {
    fileprivate var valueOrZero: Int { (try? get()) ?? 0 }
}
