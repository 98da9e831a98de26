import Batching
import Engine
import Logging
import ServiceLifecycle

/// The engine behind latency-bounded batching, as the routes see it: the one place that knows Batching.
final class EngineClassifier: IntentClassifying {
    private let service: EngineService
    /// Why the engine failed, if it does after the start.
    let failures: AsyncStream<String>

    /// - Parameter progress: layers packed and layers there are, on the engine thread.
    init(
        _ options: LoadOptions, configuration: BatchingConfiguration, metrics: ServiceMetrics,
        progress: @escaping @Sendable (Int, Int) -> Void
    ) {
        let (failures, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        self.failures = failures
        service = EngineService(
            options, configuration: configuration, observer: Observer(metrics: metrics, failures: continuation),
            progress: progress)
        metrics.latencyBoundSet(configuration.latencyBound)
        let service = service
        metrics.registry.addCollector { metrics.queueChanged(tokens: service.snapshot().queuedTokens) }
    }

    var model: ModelSummary? { service.state == .ready || service.state == .draining ? service.model?.summary : nil }

    /// Loads the model and runs its self-test.
    func start() async throws(BatchingError) { try await service.start() }

    /// Puts another adapter in service; on any failure the one in service stays.
    func replace(_ options: LoadOptions) async throws(BatchingError) -> ModelSummary {
        try await service.replaceEngine(options).summary
    }

    /// Answers what was admitted, then ends the engine.
    func stop() async { await service.stop() }

    func refuseUnread(bytes: Int, arrival: ContinuousClock.Instant) -> Duration? {
        service.refuseUnread(
            leastTokens: max(bytes / Self.mostBytesPerToken, 1), likelyTokens: max(bytes / Self.bytesPerToken, 1),
            arrival: arrival)
    }

    /// Bytes of a token: on average in customers' messages, and in one of long, common words. A message with even more a
    /// token may be refused that its tokens would just have let in; under overload most are refused anyway.
    private static let (bytesPerToken, mostBytesPerToken) = (4, 5)

    func classify(
        _ texts: [String], arrival: ContinuousClock.Instant, deadline: ContinuousClock.Instant?
    ) async throws(ClassificationFailure) -> [MessageAnswer] {
        guard let model = service.model else { throw .starting }
        var messages: [TokenizedMessage] = []
        messages.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            do {
                messages.append(try model.tokenizer.tokenize(text))
            } catch EngineError.emptyMessage {
                throw .emptyMessage(index: index)
            } catch {
                throw .failed(error.description)
            }
        }
        do throws(BatchingError) {
            if messages.count == 1 {
                let answer = try await service.classify(messages[0], arrival: arrival, deadline: deadline)
                return [MessageAnswer(answer, messages[0])]
            }
            let results = try await service.classify(messages, arrival: arrival, deadline: deadline)
            var answers: [MessageAnswer] = []
            answers.reserveCapacity(results.count)
            for (message, result) in zip(messages, results) {
                answers.append(MessageAnswer(try result.get(), message))
            }
            return answers
        } catch {
            throw ClassificationFailure(error)
        }
    }
}

/// Passes what batching reports on to the metrics, and its failure to who watches for it.
private struct Observer: BatchingObserver {
    let metrics: ServiceMetrics
    let failures: AsyncStream<String>.Continuation

    func batchFinished(_ report: BatchReport) {
        metrics.batchFinished(
            BatchSample(
                messages: report.messages, tokens: report.tokens, queueTimes: report.queueTimes,
                predictedTime: report.predictedTime, computeTime: report.computeTime, boundMisses: report.boundMisses))
    }

    func stateChanged(_ state: ServiceState) {
        if case .failed(let reason) = state { failures.yield(reason) }
    }

    func modelChanged(_ model: ServedModel) { metrics.modelChanged(model.summary) }
}

extension ServedModel {
    /// The model in this module's terms.
    fileprivate var summary: ModelSummary {
        ModelSummary(
            identity: ModelIdentity(name: description.name, version: description.version),
            labels: description.labels, architecture: description.architecture,
            precision: description.precision.rawValue, kernels: description.kernels, threads: description.threads,
            weightBytes: description.weightBytes, maximumTokens: description.maximumTokens,
            defaultThreshold: description.defaultThreshold, generation: generation)
    }
}

extension MessageAnswer {
    fileprivate init(_ answer: Answer, _ message: TokenizedMessage) {
        self.init(
            logits: answer.prediction.logits, probabilities: answer.prediction.probabilities,
            isOutOfScope: answer.prediction.isOutOfScope, tokens: message.ids.count, truncated: message.truncated,
            model: answer.model.summary, queueTime: answer.queueTime, computeTime: answer.computeTime)
    }
}

extension ClassificationFailure {
    fileprivate init(_ error: BatchingError) {
        switch error {
        case .overloaded(let retryAfter): self = .overloaded(retryAfter: retryAfter)
        case .deadlineTooShort, .deadlineExceeded: self = .deadlineExceeded
        case .tooManyTokens(let tokens, let limit): self = .tooManyTokens(tokens: tokens, limit: limit)
        case .draining: self = .draining
        case .notReady: self = .starting
        case .cancelled: self = .abandoned
        case .engine, .selfTestFailed, .incompatibleReplacement, .replacementInProgress:
            self = .failed(error.description)
        }
    }
}
