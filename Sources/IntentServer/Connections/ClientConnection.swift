import Synchronization

/// A client's connection as request handlers see it: a way to stop work that nobody waits for any more.
final class ClientConnection: Sendable {
    /// The connection that the current task serves; nil outside a connection, as in router tests.
    @TaskLocal static var current: ClientConnection?

    private struct State {
        var isClosed = false
        var cancel: (@Sendable () -> Void)?
    }

    /// Where the connection's tasks run.
    let executor: EventLoopExecutor
    private let state = Mutex(State())

    init(executor: EventLoopExecutor) { self.executor = executor }

    /// The connection is gone.
    func closed() {
        let cancel = state.withLock { state in
            state.isClosed = true
            defer { state.cancel = nil }
            return state.cancel
        }
        cancel?()
    }

    /// Runs `operation` and cancels it if the connection is gone. One at a time: requests of a connection are answered
    /// one after the other.
    /// - Parameter bytes: how much there is to do, which decides where it runs: see ``EventLoopExecutor``.
    func cancellingOnClose<Value: Sendable>(
        bytes: Int, _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let isShort = bytes <= EventLoopExecutor.inlineBytes
        let task = Task(executorPreference: isShort ? executor : globalConcurrentExecutor, operation: operation)
        let isClosed = state.withLock { state in
            state.cancel = { task.cancel() }
            return state.isClosed
        }
        if isClosed { task.cancel() }
        defer { state.withLock { $0.cancel = nil } }
        return try await withTaskCancellationHandler { try await task.value } onCancel: { task.cancel() }
    }
}
