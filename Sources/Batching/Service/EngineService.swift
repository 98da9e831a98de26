public import Engine

/// An engine on its own thread, behind latency-bounded batching.
///
/// ```
/// let service = EngineService(LoadOptions(model: "models"))
/// try await service.start()
/// let message = try service.model!.tokenizer.tokenize(text)
/// let answer = try await service.classify(message)
/// ```
public final class EngineService: Sendable {
    /// - Parameter load: makes the engine; called on the engine thread by `start()`.
    public init(
        configuration: BatchingConfiguration = BatchingConfiguration(), observer: (any BatchingObserver)? = nil,
        load: @escaping EngineLoader
    ) {
        preconditionFailure("being written")
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

    /// Loads the engine, runs its self-test and measures its speed; returns when the service is ready.
    /// - Throws: `engine` or `selfTestFailed`; the state is then `failed`.
    public func start() async throws(BatchingError) { preconditionFailure("being written") }

    /// Where the service is in its life.
    public var state: ServiceState { preconditionFailure("being written") }

    /// The model in service; nil before it is loaded.
    public var model: ServedModel? { preconditionFailure("being written") }

    /// Gauges and counts.
    public func snapshot() -> ServiceSnapshot { preconditionFailure("being written") }

    /// Classifies one message. Refusal is immediate; cancelling the task takes a waiting request out of the queue.
    /// - Parameters:
    ///   - arrival: when the request reached this process; the bound counts from here.
    ///   - deadline: the caller's own, which can only shorten the bound.
    public func classify(
        _ message: TokenizedMessage, arrival: ContinuousClock.Instant = .now, deadline: ContinuousClock.Instant? = nil
    ) async throws(BatchingError) -> Answer {
        preconditionFailure("being written")
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
        preconditionFailure("being written")
    }

    /// Loads another engine beside the one in service, tests it and puts it in service between two batches. No request
    /// is dropped. If anything is wrong with it, the old one stays and the error says why.
    public func replaceEngine(_ load: @escaping EngineLoader) async throws(BatchingError) -> ServedModel {
        preconditionFailure("being written")
    }

    /// As above, with an `IntentEngine`.
    public func replaceEngine(_ options: LoadOptions) async throws(BatchingError) -> ServedModel {
        try await replaceEngine { () throws(EngineError) in try IntentEngine(options) }
    }

    /// Stops admitting; returns when everything admitted has been answered.
    public func drain() async { preconditionFailure("being written") }

    /// Drains, then ends the engine and its thread.
    public func stop() async { preconditionFailure("being written") }
}
