import Batching
import CoreMetrics
import Synchronization

/// Everything that the service records, in swift-metrics' terms.
///
/// Label values come from closed sets: routes of the route table, status codes, outcomes, the model's own intents.
/// Nothing of a message but its token count is recorded.
final class ServiceMetrics: Sendable {
    let registry: PrometheusRegistry

    private let inFlight: Meter
    private let openConnections: Meter
    private let queuedTokens: Meter
    private let tokens: Counter
    private let truncated: Counter
    private let boundMisses: Counter
    private let queueWait: Timer
    private let batchTokens: Recorder
    private let batchMessages: Recorder
    private let computeTime: Timer
    private let predictedTime: Timer
    private let costRatio: Recorder
    private let cache = Mutex(Cache())

    /// Series by the label that tells them apart, so that a request does not build dimensions anew.
    private struct Cache {
        var requests: [RequestKey: (count: Counter, duration: Timer)] = [:]
        var counters: [String: Counter] = [:]
        var modelInfo: Meter?
    }

    private struct RequestKey: Hashable {
        let route: String
        let method: String
        let status: Int
    }

    init(registry: PrometheusRegistry = PrometheusRegistry(ServiceMetrics.families)) {
        self.registry = registry
        inFlight = Meter(label: Name.inFlight, factory: registry)
        openConnections = Meter(label: Name.connections, factory: registry)
        queuedTokens = Meter(label: Name.queueTokens, factory: registry)
        tokens = Counter(label: Name.tokens, factory: registry)
        truncated = Counter(label: Name.truncated, factory: registry)
        boundMisses = Counter(label: Name.boundMisses, factory: registry)
        queueWait = Timer(label: Name.queueWait, factory: registry)
        batchTokens = Recorder(label: Name.batchTokens, factory: registry)
        batchMessages = Recorder(label: Name.batchMessages, factory: registry)
        computeTime = Timer(label: Name.computeTime, factory: registry)
        predictedTime = Timer(label: Name.predictedTime, factory: registry)
        costRatio = Recorder(label: Name.costRatio, factory: registry)
        Meter(label: Name.buildInfo, dimensions: [("version", IntentdVersion.current)], factory: registry).set(1)
        for outcome in MessageOutcome.allCases { _ = counter(Name.messages, "outcome", outcome.rawValue) }
        for reason in AbstentionReason.allCases { _ = counter(Name.abstentions, "reason", reason.rawValue) }
        for outcome in ReplacementOutcome.allCases { _ = counter(Name.replacements, "outcome", outcome.rawValue) }
        for reason in ConnectionRefusal.allCases { _ = counter(Name.closedConnections, "reason", reason.rawValue) }
        ProcessMetrics(registry: registry).install()
    }

    // MARK: requests

    func requestStarted() { inFlight.increment() }

    /// - Parameter route: the route's pattern, or "unmatched"; never the path of the request.
    func requestFinished(route: String, method: String, status: Int, duration: Duration) {
        inFlight.decrement()
        let series = cache.withLock { cache in
            let key = RequestKey(route: route, method: method, status: status)
            if let known = cache.requests[key] { return known }
            let dimensions = [("route", route), ("method", method), ("code", String(status))]
            let made = (
                count: Counter(label: Name.requests, dimensions: dimensions, factory: registry),
                duration: Timer(label: Name.requestDuration, dimensions: [("route", route)], factory: registry)
            )
            cache.requests[key] = made
            return made
        }
        series.count.increment()
        series.duration.recordNanoseconds(duration.nanoseconds)
    }

    // MARK: connections

    func connectionOpened() { openConnections.increment() }
    func connectionClosed() { openConnections.decrement() }
    func connectionCut(_ reason: ConnectionRefusal) {
        counter(Name.closedConnections, "reason", reason.rawValue).increment()
    }

    // MARK: messages

    func answered(intent: String?, abstention: AbstentionReason?, tokens count: Int, cut: Bool) {
        tokens.increment(by: count)
        if cut { truncated.increment() }
        counter(Name.messages, "outcome", MessageOutcome.answered.rawValue).increment()
        if let intent { counter(Name.intents, "intent", intent).increment() }
        if let abstention { counter(Name.abstentions, "reason", abstention.rawValue).increment() }
    }

    func unanswered(_ outcome: MessageOutcome, messages: Int) {
        counter(Name.messages, "outcome", outcome.rawValue).increment(by: messages)
    }

    // MARK: batches

    func batchFinished(_ batch: BatchSample) {
        batchTokens.record(batch.tokens)
        batchMessages.record(batch.messages)
        computeTime.recordNanoseconds(batch.computeTime.nanoseconds)
        predictedTime.recordNanoseconds(batch.predictedTime.nanoseconds)
        if batch.predictedTime > .zero { costRatio.record(batch.computeTime / batch.predictedTime) }
        for wait in batch.queueTimes { queueWait.recordNanoseconds(wait.nanoseconds) }
        if batch.boundMisses > 0 { boundMisses.increment(by: batch.boundMisses) }
    }

    func queueChanged(tokens: Int) { queuedTokens.set(tokens) }

    // MARK: model

    func modelChanged(_ model: ModelSummary) {
        let info = Meter(
            label: Name.modelInfo,
            dimensions: [
                ("name", model.identity.name), ("version", model.identity.version),
                ("architecture", model.architecture), ("precision", model.precision), ("kernels", model.kernels),
                ("generation", String(model.generation)),
            ], factory: registry)
        cache.withLock { cache in
            cache.modelInfo?.destroy()
            cache.modelInfo = info
        }
        info.set(1)
        Meter(label: Name.weightBytes, factory: registry).set(model.weightBytes)
        Meter(label: Name.computeThreads, factory: registry).set(model.threads)
        for label in model.labels { _ = counter(Name.intents, "intent", label) }
    }

    func latencyBoundSet(_ bound: Duration) { Meter(label: Name.latencyBound, factory: registry).set(bound.inSeconds) }

    func replaced(_ outcome: ReplacementOutcome) {
        counter(Name.replacements, "outcome", outcome.rawValue).increment()
    }

    private func counter(_ name: String, _ label: String, _ value: String) -> Counter {
        cache.withLock { cache in
            let key = name + "\u{0}" + value
            if let known = cache.counters[key] { return known }
            let made = Counter(label: name, dimensions: [(label, value)], factory: registry)
            cache.counters[key] = made
            return made
        }
    }
}

/// What became of a message that was sent to be classified.
enum MessageOutcome: String, Sendable, CaseIterable {
    case answered
    /// Refused by admission.
    case refused
    /// Its deadline passed.
    case expired
    /// The client left.
    case abandoned
    /// No model was there to answer: starting or draining.
    case unavailable
    /// The engine could not answer.
    case failed
}

/// Why an answer names no intent.
enum AbstentionReason: String, Sendable, CaseIterable {
    case threshold
    case outOfScope = "out_of_scope"
}

/// How loading a new adapter ended.
enum ReplacementOutcome: String, Sendable, CaseIterable {
    case replaced
    /// The new one was refused and the old one serves on.
    case rolledBack = "rolled_back"
}

/// Why the server ended a connection.
enum ConnectionRefusal: String, Sendable, CaseIterable {
    case idle
    case slowHead = "slow_head"
    case slowBody = "slow_body"
    case slowReader = "slow_reader"
    case malformed
}

/// One finished batch, as it is recorded.
struct BatchSample: Sendable {
    var messages: Int
    var tokens: Int
    var queueTimes: [Duration]
    var predictedTime: Duration
    var computeTime: Duration
    var boundMisses: Int
}
