import Logging
import ServiceLifecycle
import UnixSignals

/// What signals mean: SIGHUP asks for the adapter to be loaded again; the first SIGTERM or SIGINT begins the drain, the
/// second ends its delay, the third ends the process without waiting for what is in flight.
struct SignalHandling: Sendable {
    /// The third signal came.
    struct Interrupted: Error {}

    let readiness: Readiness
    let drainDelay: Duration
    let replacements: ReplacementRequests
    let logger: Logger

    /// Handles `signals` until the task is cancelled.
    /// - Parameter stop: begins the graceful shutdown.
    func run(
        _ signals: some AsyncSequence<UnixSignal, Never> & Sendable, stop: @escaping @Sendable () async -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            var stops = 0
            for await signal in signals {
                if signal == .sighup {
                    replacements.ask("SIGHUP")
                    continue
                }
                stops += 1
                logger.notice("stopping", metadata: ["signal": "\(signal)", "count": .stringConvertible(stops)])
                switch stops {
                case 1:
                    // Before the model is there, no load balancer has sent anyone.
                    let delay = readiness.isReady ? drainDelay : .zero
                    readiness.beginDraining()
                    group.addTask {
                        try await Task.sleep(for: delay)
                        await stop()
                    }
                case 2: await stop()
                default: throw Interrupted()
                }
            }
        }
    }
}
