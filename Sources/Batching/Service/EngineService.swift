public import Engine
import Synchronization

/// An engine on its own thread, behind latency-bounded batching.
///
/// ```
/// let service = EngineService(LoadOptions(model: "models"))
/// try await service.start()
/// guard let model = service.model else { return }
/// let answer = try await service.classify(model.tokenizer.tokenize(text))
/// ```
///
/// Admission is decided on the caller's thread, at once. The engine thread is an operating-system thread, never one of
/// the cooperative pool: there, a job would wait behind the compute.
public final class EngineService: Sendable {
    let core = Monitor(ServiceCore())
    private let nextCall = Atomic<Int>(0)
    private let configuration: BatchingConfiguration
    private let observer: (any BatchingObserver)?
    private let load: EngineLoader

    /// - Parameter load: makes the engine; called on the engine thread by `start()`.
    public init(
        configuration: BatchingConfiguration = BatchingConfiguration(), observer: (any BatchingObserver)? = nil,
        load: @escaping EngineLoader
    ) {
        self.configuration = configuration
        self.observer = observer
        self.load = load
    }

    /// A service for an `IntentEngine`.
    /// - Parameter progress: layers packed and layers there are, on the engine thread.
    public convenience init(
        _ options: LoadOptions, configuration: BatchingConfiguration = BatchingConfiguration(),
        observer: (any BatchingObserver)? = nil, progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) {
        self.init(configuration: configuration, observer: observer) { () throws(EngineError) in
            try IntentEngine(options, progress: progress)
        }
    }

    // MARK: State

    /// Where the service is in its life.
    public var state: ServiceState { core.withLock { $0.state } }

    /// The model in service; nil before it is loaded.
    public var model: ServedModel? { core.withLock { $0.model } }

    /// Gauges and counts.
    public func snapshot() -> ServiceSnapshot { core.withLock { $0.snapshot } }

    // MARK: Classifying

    /// Classifies one message. Refusal is immediate; cancelling the task takes a waiting request out of the queue.
    /// - Parameters:
    ///   - arrival: when the request reached this process; the bound counts from here.
    ///   - deadline: the caller's own, which can only shorten the bound.
    public func classify(
        _ message: TokenizedMessage, arrival: ContinuousClock.Instant = .now, deadline: ContinuousClock.Instant? = nil
    ) async throws(BatchingError) -> Answer {
        guard let result = try await classify([message], arrival: arrival, deadline: deadline).first else {
            throw .notReady
        }
        return try result.get()
    }

    /// Classifies the messages of one call: all are admitted or none is. Each row then stands in the queue by itself,
    /// with a deadline of its own: later rows have later ones (see `BatchScheduler`), so one large call cannot hold up
    /// others. A row can fail alone.
    /// - Throws: why the call was refused, or `cancelled`.
    /// - Returns: one result a message, in order.
    public func classify(
        _ messages: [TokenizedMessage], arrival: ContinuousClock.Instant = .now,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(BatchingError) -> [Result<Answer, BatchingError>] {
        if messages.isEmpty { return [] }
        let call = nextCall.add(1, ordering: .relaxed).oldValue
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                submit(call, messages, arrival: arrival, deadline: deadline, continuation)
            }
        } onCancel: {
            cancel(call)
        }.get()
    }

    /// Refuses a message before it is split into tokens, if it would not be admitted even with `leastTokens`.
    /// - Parameter likelyTokens: what it counts as in the demand.
    /// - Returns: when to try again; nil if only `classify` can tell.
    public func refuseUnread(
        leastTokens: Int, likelyTokens: Int, arrival: ContinuousClock.Instant
    ) -> Duration? {
        core.withLock {
            $0.refuseUnread(leastTokens: leastTokens, likelyTokens: likelyTokens, arrival: arrival, now: .now)
        }
    }

    private func submit(
        _ call: Int, _ messages: [TokenizedMessage], arrival: ContinuousClock.Instant,
        deadline: ContinuousClock.Instant?, _ continuation: CheckedContinuation<ServiceCore.CallResult, Never>
    ) {
        let admission = core.withLock {
            $0.admit(
                call: call, messages, arrival: arrival, deadline: deadline, now: .now, continuation: continuation)
        }
        switch admission {
        case .answered(let result): continuation.resume(returning: result)
        case .waiting(let wakesDeadlineThread):
            core.signal(.work)
            if wakesDeadlineThread { core.signal(.deadlines) }
            // Cancelled before the call was known: the handler found nothing.
            if Task.isCancelled { cancel(call) }
        }
    }

    private func cancel(_ call: Int) {
        core.withLock { $0.cancel(call: call) }.resume()
        // It may have been the last that a drain waits for.
        core.signal(.work)
    }
}

// MARK: Life

extension EngineService {
    /// Loads the engine, runs its self-test and measures its speed; returns when the service is ready.
    /// - Throws: `engine` or `selfTestFailed`, and the state is then `failed`; `draining` if it was stopped meanwhile.
    public func start() async throws(BatchingError) {
        try await withCheckedContinuation { continuation in
            let (startsThread, answer) = core.withLock { $0.wait(forStart: continuation) }
            if let answer { continuation.resume(returning: answer) }
            if startsThread { startThreads() }
        }.get()
    }

    private func startThreads() {
        let engine = EngineThread(core: core, configuration: configuration, observer: observer, load: load)
        let deadlines = DeadlineThread(core: core, observer: observer)
        guard WorkerThread.start(name: "intent-deadline", deadlines.run),
            WorkerThread.start(name: "intent-engine", engine.run)
        else {
            engine.fail(.engine(.unsupported("the system has no thread to give")))
            return
        }
    }

    /// Stops admitting; returns when everything admitted has been answered.
    public func drain() async {
        let before = state
        core.withLock { $0.drain() }
        if before == .ready { observer?.stateChanged(.draining) }
        core.signal(.work)
        await withCheckedContinuation { continuation in
            if !core.withLock({ $0.wait(forDrain: continuation) }) { continuation.resume() }
        }
    }

    /// Drains, then ends the engine and its thread. Returns at once if the engine hangs.
    public func stop() async {
        let before = state
        core.withLock { $0.stop() }
        if before == .ready { observer?.stateChanged(.draining) }
        core.signal(.work)
        await withCheckedContinuation { continuation in
            if !core.withLock({ $0.wait(forStop: continuation) }) { continuation.resume() }
        }
    }
}
