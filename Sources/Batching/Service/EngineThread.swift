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
        serve(engine, model)
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

    private func serve(_ first: any BatchEngine, _ firstModel: ServedModel) {
        var engine = first
        var model = firstModel
        while true {
            let (step, completions) = core.wait(on: .work) { core -> (ServiceCore.Step?, [ServiceCore.Completion])? in
                let now = ContinuousClock.now
                let expired = core.expire(now: now)
                let step = core.nextStep(now: now)
                return step == nil && expired.isEmpty ? nil : (step, expired)
            }
            completions.resume()
            switch step {
            case nil: continue
            case .run(let batch)?:
                runBatch(batch, engine, model)
                answerDrain()
            case .replace(let replacement)?:
                let old = EngineHandover(engine)
                engine = replacement.handover.engine
                model = replacement.model
                core.withLock { $0.replace(by: replacement) }
                observer?.modelChanged(model)
                replacement.continuation.resume(returning: .success(model))
                // Ending threads and returning memory would hold the next batch up.
                if !WorkerThread.start(name: "intent-unload", { old.engine.stop() }) { old.engine.stop() }
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
        core.withLock { $0.end(.stopped, error: .draining) }.resume()
        observer?.stateChanged(.stopped)
        answerEnd()
    }

    private func answerStart(_ result: Result<Void, BatchingError>) {
        for waiter in core.withLock({ $0.takeStartWaiters() }) { waiter.resume(returning: result) }
    }

    private func answerDrain() {
        for waiter in core.withLock({ $0.takeDrainWaiters() }) { waiter.resume() }
    }

    private func answerEnd() {
        answerDrain()
        let (waiters, replacement) = core.withLock { ($0.takeStopWaiters(), $0.takeReplacement()) }
        core.signal(.deadlines)
        replacement?.handover.engine.stop()
        replacement?.continuation.resume(returning: .failure(.draining))
        for waiter in waiters { waiter.resume() }
    }
}

extension [ServiceCore.Completion] {
    /// Tells the callers. Not while the lock is held.
    func resume() {
        for completion in self { completion.continuation.resume(returning: completion.result) }
    }
}
