import Synchronization

/// What becomes known of a request while it is served, for the access log.
final class RequestRecord: Sendable {
    private struct State {
        var id = ""
        var messages = 0
        var tokens = 0
        var timing: ServerTiming?
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

    /// Nil until messages have been classified.
    var timing: ServerTiming? { state.withLock { $0.timing } }

    func classified(messages: Int, tokens: Int, timing: ServerTiming) {
        state.withLock { state in
            state.messages += messages
            state.tokens += tokens
            state.timing = timing
        }
    }
}
