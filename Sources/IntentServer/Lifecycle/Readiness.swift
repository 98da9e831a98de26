import Synchronization

/// Whether the service takes work, and what answers it.
final class Readiness: Sendable {
    /// The life of the service.
    enum Phase: Sendable, Equatable {
        /// The model is being loaded and tested.
        case starting
        case ready
        /// Told to stop: no longer ready for new clients, but what still arrives is served.
        case draining
    }

    private struct State {
        var phase = Phase.starting
        var classifier: (any IntentClassifying)?
    }

    private let state = Mutex(State())

    var phase: Phase { state.withLock { $0.phase } }
    var isReady: Bool { phase == .ready }
    var isDraining: Bool { phase == .draining }

    /// The model answered its self-test.
    func becomeReady(_ classifier: any IntentClassifying) {
        state.withLock { state in
            state.classifier = classifier
            if state.phase == .starting { state.phase = .ready }
        }
    }

    /// The process was told to stop.
    func beginDraining() { state.withLock { $0.phase = .draining } }

    /// What answers messages.
    /// - Throws: 503 before the model is there.
    func classifier() throws(APIError) -> any IntentClassifying {
        let (phase, classifier) = state.withLock { ($0.phase, $0.classifier) }
        guard let classifier else { throw phase == .draining ? .draining : .starting }
        return classifier
    }

    /// The model in service.
    /// - Throws: 503 before the model is there.
    func model() throws(APIError) -> ModelSummary {
        guard let model = try classifier().model else { throw isDraining ? .draining : .starting }
        return model
    }
}
