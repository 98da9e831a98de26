public import Engine

extension EngineService {
    /// Loads another engine beside the one in service, tests it and puts it in service between two batches. No request
    /// is dropped. If anything is wrong with it, the old one stays and the error says why.
    ///
    /// The cost model goes on: a slower or faster replacement is learned within a few batches.
    /// - Throws: `engine`, `selfTestFailed`, `incompatibleReplacement`, `replacementInProgress`, or that the service is
    ///   not ready.
    public func replaceEngine(_ load: @escaping EngineLoader) async throws(BatchingError) -> ServedModel {
        if let error = core.withLock({ $0.beginReplacement() }) { throw error }
        return try await withCheckedContinuation { continuation in
            let loader = ReplacementLoader(core: core, load: load, continuation: continuation)
            if !WorkerThread.start(name: "intent-loader", loader.run) {
                loader.give(up: .engine(.unsupported("the system has no thread to give")))
            }
        }.get()
    }

    /// As above, with an `IntentEngine`.
    public func replaceEngine(_ options: LoadOptions) async throws(BatchingError) -> ServedModel {
        try await replaceEngine { () throws(EngineError) in try IntentEngine(options) }
    }
}

/// The body of the thread that loads a replacement, off the serving path.
private struct ReplacementLoader: Sendable {
    let core: Monitor<ServiceCore>
    let load: EngineLoader
    let continuation: CheckedContinuation<Result<ServedModel, BatchingError>, Never>

    func run() {
        do throws(BatchingError) {
            let engine = try prepare()
            let generation = (core.withLock { $0.model?.generation } ?? 0) + 1
            let replacement = ServiceCore.Replacement(
                handover: EngineHandover(engine), model: ServedModel(engine, generation: generation),
                continuation: continuation)
            if core.withLock({ $0.offer(replacement) }) {
                core.signal(.work)
            } else {
                engine.stop()
                continuation.resume(returning: .failure(.draining))
            }
        } catch {
            give(up: error)
        }
    }

    func give(up error: BatchingError) {
        core.withLock { $0.endReplacement() }
        continuation.resume(returning: .failure(error))
    }

    private func prepare() throws(BatchingError) -> any BatchEngine {
        let engine: any BatchEngine
        do { engine = try load() } catch { throw .engine(error) }
        do throws(BatchingError) {
            let test = SelfTest(engine: engine)
            try test.run()
            guard let current = core.withLock({ $0.model }), test.tokenizes(like: current.tokenizer) else {
                throw .incompatibleReplacement("it reads text differently; restart to change the base model")
            }
        } catch {
            engine.stop()
            throw error
        }
        return engine
    }
}
