import Synchronization

/// What becomes known of a request while it is served, for the access log.
final class RequestRecord: Sendable {
    private struct State {
        var id = ""
        var messages = 0
        var tokens = 0
    }

    /// When the request's head had been read.
    let arrival = ContinuousClock.now
    private let state = Mutex(State())

    var id: String {
        get { state.withLock { $0.id } }
        set { state.withLock { $0.id = newValue } }
    }

    var messages: Int { state.withLock { $0.messages } }
    var tokens: Int { state.withLock { $0.tokens } }

    func classified(messages: Int, tokens: Int) {
        state.withLock { state in
            state.messages += messages
            state.tokens += tokens
        }
    }
}
