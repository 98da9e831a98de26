/// The body of the thread that keeps the promise that nobody waits without end, even while the engine computes or
/// hangs: it answers waiting requests whose deadline passes, and gives the service up if a batch does not end.
struct DeadlineThread: Sendable {
    let core: Monitor<ServiceCore>
    let observer: (any BatchingObserver)?

    func run() {
        while true {
            let event = core.wait(on: .deadlines, until: { $0.nextDeadlineEvent(now: .now) })
            switch event {
            case .expired(let completions):
                completions.resume()
                core.signal(.work)
            case .stalled(let state):
                let completions = core.withLock { $0.end(state, error: .notReady) }
                observer?.stateChanged(state)
                completions.resume()
                core.withLock { $0.takeLastWaiters() }.resume(error: .notReady)
                return
            case .end: return
            }
        }
    }
}

/// What wakes the deadline thread.
enum DeadlineEvent: Sendable {
    case expired([ServiceCore.Completion])
    /// The engine hangs: the state to go to.
    case stalled(ServiceState)
    case end
}

extension ServiceCore {
    /// What the deadline thread has to do now, or how long it may sleep.
    mutating func nextDeadlineEvent(now: Instant) -> Monitor<ServiceCore>.TimedStep<DeadlineEvent> {
        deadlineThreadWakesAt = nil
        if hasEnded { return .done(.end) }
        guard let scheduler else { return .sleep(nil) }
        let expired = expire(now: now)
        if !expired.isEmpty { return .done(.expired(expired)) }
        let stall = scheduler.stallsAt
        if let stall, stall <= now {
            let (tokens, time) = (scheduler.runningTokens, (scheduler.runningSince ?? stall).duration(to: stall))
            return .done(.stalled(.failed(reason: "a batch of \(tokens) tokens has not ended within \(time)")))
        }
        deadlineThreadWakesAt = [self.scheduler?.nextExpiry, stall].compactMap { $0 }.min()
        return .sleep(deadlineThreadWakesAt.map { $0 - now })
    }
}
