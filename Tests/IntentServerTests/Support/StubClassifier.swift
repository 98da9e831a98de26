import Synchronization

@testable import IntentServer

/// A model of three intents whose answers follow from the words of a message.
///
/// "card" -> card_arrival 0.8, "lost" -> card_lost 0.9, anything else -> top_up 0.4 (below the threshold of 0.5);
/// "weather" is out of scope. A token is a word; eight are read.
final class StubClassifier: IntentClassifying {
    static let labels = ["card_arrival", "card_lost", "top_up"]
    static let maximumTokens = 8

    static func summary(version: String = "1") -> ModelSummary {
        ModelSummary(
            identity: ModelIdentity(name: "stub", version: version), labels: labels, architecture: "stub",
            precision: "f32", kernels: "generic", threads: 1, weightBytes: 12, maximumTokens: maximumTokens,
            defaultThreshold: 0.5, generation: 1)
    }

    struct Call: Sendable {
        var texts: [String]
        var arrival: ContinuousClock.Instant
        var deadline: ContinuousClock.Instant?
    }

    /// What `classify` does before it answers; throws what it is to fail with.
    typealias Behaviour = @Sendable (Call) async throws(ClassificationFailure) -> Void

    private let state: Mutex<(calls: [Call], behaviour: Behaviour, version: String)>

    private let refusesUnread: @Sendable (Int) -> Duration?

    convenience init(_ behaviour: @escaping Behaviour = { _ in }) { self.init(refusesUnread: { _ in nil }, behaviour) }

    /// - Parameter refusesUnread: for a message of so many bytes, when to try again.
    init(refusesUnread: @escaping @Sendable (Int) -> Duration?, _ behaviour: @escaping Behaviour = { _ in }) {
        state = Mutex(([], behaviour, "1"))
        self.refusesUnread = refusesUnread
    }

    var calls: [Call] { state.withLock { $0.calls } }
    var model: ModelSummary? { Self.summary(version: state.withLock { $0.version }) }

    func become(version: String) { state.withLock { $0.version = version } }

    func refuseUnread(bytes: Int, arrival: ContinuousClock.Instant) -> Duration? { refusesUnread(bytes) }

    func classify(
        _ texts: [String], arrival: ContinuousClock.Instant, deadline: ContinuousClock.Instant?
    ) async throws(ClassificationFailure) -> [MessageAnswer] {
        let call = Call(texts: texts, arrival: arrival, deadline: deadline)
        let behaviour = state.withLock { state in
            state.calls.append(call)
            return state.behaviour
        }
        try await behaviour(call)
        let summary = Self.summary(version: state.withLock { $0.version })
        return texts.map { Self.answer($0, summary) }
    }

    static func answer(_ text: String, _ summary: ModelSummary) -> MessageAnswer {
        let words = text.split(whereSeparator: \.isWhitespace)
        let probabilities: [Float] =
            words.contains("card") ? [0.8, 0.15, 0.05] : words.contains("lost") ? [0.06, 0.9, 0.04] : [0.3, 0.3, 0.4]
        return MessageAnswer(
            logits: probabilities.map { $0 * 10 }, probabilities: probabilities,
            isOutOfScope: words.contains("weather"), tokens: min(words.count, maximumTokens),
            truncated: words.count > maximumTokens, model: summary, queueTime: .microseconds(1500 * words.count),
            computeTime: .milliseconds(words.count))
    }
}
