import Dispatch
import Glibc

/// Turns SIGINT and SIGTERM into a call, so that a command can end cleanly. Lives as long as the command.
final class SignalMonitor {
    private let sources: [any DispatchSourceSignal]

    /// How long the command has to end by itself after a signal.
    private static let grace = DispatchTimeInterval.seconds(5)

    /// - Parameter onSignal: called with the signal on a thread of its own. If the process is still there some seconds
    ///   later (standard output blocked, say), it is ended.
    init(onSignal: @escaping @Sendable (Int32) -> Void) {
        let queue = DispatchQueue(label: "intentd.signals")
        // A source is registered on another thread; until it is, a signal ends the process.
        let registration = DispatchGroup()
        sources = [SIGINT, SIGTERM].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                onSignal(number)
                queue.asyncAfter(deadline: .now() + Self.grace) { _exit(128 + number) }
            }
            registration.enter()
            source.setRegistrationHandler { registration.leave() }
            source.resume()
            return source
        }
        registration.wait()
    }

    deinit { for source in sources { source.cancel() } }
}
