import Engine

/// The body of the engine thread: load, test, measure, then run batches until the service stops.
struct EngineThread: Sendable {
    let core: Monitor<ServiceCore>
    let configuration: BatchingConfiguration
    let observer: (any BatchingObserver)?
    let load: EngineLoader

    func run() {
        let engine: any BatchEngine
        let costs: CostModel
        do throws(BatchingError) {
            (engine, costs) = try prepare()
        } catch {
            fail(error)
            return
        }
        let model = ServedModel(engine, generation: 1)
        let scheduler = ServiceCore.Scheduler(configuration: configuration, costs: costs, now: .now)
        let isReady = core.withLock { $0.becomeReady(model, scheduler) }
        if isReady {
            observer?.modelChanged(model)
            observer?.stateChanged(.ready)
        }
        answerStart(isReady ? .success(()) : .failure(.draining))
        serve(consume engine, model)
    }

    private func prepare() throws(BatchingError) -> (any BatchEngine, CostModel) {
        let engine: any BatchEngine
        do { engine = try load() } catch { throw .engine(error) }
        do throws(BatchingError) {
            try SelfTest(engine: engine).run()
        } catch {
            engine.stop()
            throw error
        }
        return (engine, WarmUp(engine: engine, configuration: configuration).measure())
    }

    /// Takes the engine over, so that its memory is returned when another replaces it.
    private func serve(_ engine: consuming any BatchEngine, _ firstModel: ServedModel) {
        var model = firstModel
        while true {
            let turn = core.wait(on: .work) { $0.nextTurn(now: .now) }
            turn.completions.resume()
            for waiter in turn.drained { waiter.resume() }
            switch turn.step {
            case nil: continue
            case .run(let batch)?:
                runBatch(batch, engine, model)
            case .replace(let replacement)?:
                let old = RetiredEngine(engine)
                engine = replacement.handover.engine
                model = replacement.model
                core.withLock { $0.replace(by: replacement) }
                observer?.modelChanged(model)
                replacement.continuation.resume(returning: .success(model))
                // Ending threads and returning memory would hold the next batch up.
                if !WorkerThread.start(name: "intent-unload", old.end) { old.end() }
            case .end?:
                engine.stop()
                end()
                return
            }
        }
    }

    private func runBatch(_ batch: Batch<ServiceCore.Ticket>, _ engine: any BatchEngine, _ model: ServedModel) {
        let start = ContinuousClock.now
        let results = engine.classify(batch.requests.map(\.payload.message))
        let end = ContinuousClock.now
        let finished = core.withLock { $0.finish(batch, results, by: model, time: end - start, now: end) }
        guard let (completions, report) = finished else { return }
        completions.resume()
        observer?.batchFinished(report)
    }

    // MARK: Ends

    func fail(_ error: BatchingError) {
        let state = ServiceState.failed(reason: error.description)
        _ = core.withLock { $0.end(state, error: .notReady) }
        observer?.stateChanged(state)
        answerStart(.failure(error))
        answerEnd()
    }

    private func end() {
        let (completions, state) = core.withLock { ($0.end(.stopped, error: .draining), $0.state) }
        completions.resume()
        // A service that has failed has said so already.
        if state == .stopped { observer?.stateChanged(state) }
        answerEnd()
    }

    private func answerStart(_ result: Result<Void, BatchingError>) {
        for waiter in core.withLock({ $0.takeStartWaiters() }) { waiter.resume(returning: result) }
    }

    private func answerEnd() {
        core.withLock { $0.takeLastWaiters() }.resume(error: .draining)
        core.signal(.deadlines)
    }
}

extension [ServiceCore.Completion] {
    /// Tells the callers. Not while the lock is held.
    func resume() {
        for completion in self { completion.continuation.resume(returning: completion.result) }
    }
}
