import Synchronization

/// Asks a running pipeline to end early, from any thread.
final class StopRequest: Sendable {
    private struct State {
        var signal: Int32?
        var actions: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// The signal that asked, if one did.
    var signal: Int32? { state.withLock { $0.signal } }

    /// Asks; later calls change nothing.
    func request(signal: Int32) {
        let actions = state.withLock { state -> [@Sendable () -> Void] in
            guard state.signal == nil else { return [] }
            state.signal = signal
            return state.actions
        }
        for action in actions { action() }
    }

    /// Runs `action` when the request comes, or now if it came before.
    func onRequest(_ action: @escaping @Sendable () -> Void) {
        let isRequested = state.withLock { state in
            state.actions.append(action)
            return state.signal != nil
        }
        if isRequested { action() }
    }
}
