import Engine

/// The mutable part of `EngineService`: a value behind its monitor. Nothing here waits, computes or calls out; what has
/// to be told to callers is handed back as completions, to be run without the lock.
struct ServiceCore: Sendable {
    typealias Instant = ContinuousClock.Instant
    typealias Scheduler = BatchScheduler<Ticket>
    typealias CallResult = Result<[Result<Answer, BatchingError>], BatchingError>

    /// One row in the scheduler.
    struct Ticket: Sendable {
        let message: TokenizedMessage
        let call: Int
        let row: Int
    }

    /// A caller that waits.
    private struct Call: Sendable {
        let ids: Range<Int>
        var results: [Result<Answer, BatchingError>?]
        var missing: Int
        let continuation: CheckedContinuation<CallResult, Never>
    }

    /// An engine that is ready to take over.
    struct Replacement: Sendable {
        let handover: EngineHandover
        let model: ServedModel
        let continuation: CheckedContinuation<Result<ServedModel, BatchingError>, Never>
    }

    /// A result on its way to a caller.
    struct Completion: Sendable {
        let continuation: CheckedContinuation<CallResult, Never>
        let result: CallResult
    }

    /// What the engine thread does next.
    enum Step: Sendable {
        case run(Batch<Ticket>)
        case replace(Replacement)
        /// Nothing is left to do and nothing will come.
        case end
    }

    var state = ServiceState.starting
    private(set) var model: ServedModel?
    private(set) var scheduler: Scheduler?
    private(set) var isStopping = false
    private(set) var isStarted = false
    private(set) var isReplacing = false
    private var replacement: Replacement?
    /// Who waits for the first model; for the end of draining; for the end of the engine thread.
    private var startWaiters: [CheckedContinuation<Result<Void, BatchingError>, Never>] = []
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []
    private var stopWaiters: [CheckedContinuation<Void, Never>] = []
    /// When the deadline thread wakes by itself; nil while it sleeps until it is signalled.
    var deadlineThreadWakesAt: Instant?

    private var calls: [Int: Call] = [:]

    /// What `admit` did.
    enum Admission: Sendable {
        /// The continuation is kept. True if the deadline thread must look again.
        case waiting(wakesDeadlineThread: Bool)
        /// The continuation is the caller's to resume.
        case answered(CallResult)
    }

    // MARK: Life

    /// The first engine is loaded.
    /// - Returns: false if the service was stopped meanwhile.
    mutating func becomeReady(_ model: ServedModel, _ scheduler: Scheduler) -> Bool {
        guard state == .starting, !isStopping else { return false }
        self.model = model
        self.scheduler = scheduler
        state = .ready
        return true
    }

    /// Stops admitting. Once stopped or failed, a service stays so.
    mutating func drain() {
        guard state == .ready || state == .starting else { return }
        isStopping = isStopping || state == .starting
        state = .draining
        scheduler?.drain()
    }

    /// Drains, and lets the engine thread end.
    mutating func stop() {
        drain()
        isStopping = true
    }

    /// Nothing will be admitted, and everything that was has its answer.
    private var isDrained: Bool { state != .ready && state != .starting && scheduler?.isIdle ?? true }

    /// The engine thread ends, or hangs: nobody waits any longer.
    mutating func end(_ final: ServiceState, error: BatchingError) -> [Completion] {
        if case .failed = state {} else { state = final }
        isStopping = true
        let abandoned = scheduler?.abandonAll() ?? []
        return settle(abandoned.map { ($0.payload, .failure(error)) })
    }

    /// True if the engine thread can do nothing any more.
    var hasEnded: Bool {
        switch state {
        case .stopped, .failed: true
        case .starting, .ready, .draining: false
        }
    }

    // MARK: Waiting for the service

    /// - Returns: true if the engine thread is to be started; nil if the waiter was not kept: its answer is there.
    mutating func wait(
        forStart waiter: CheckedContinuation<Result<Void, BatchingError>, Never>
    ) -> (startsThread: Bool, answer: Result<Void, BatchingError>?) {
        switch state {
        case .ready: return (false, .success(()))
        case .draining, .stopped: return (false, .failure(.draining))
        case .failed: return (false, .failure(.notReady))
        case .starting:
            startWaiters.append(waiter)
            defer { isStarted = true }
            return (!isStarted, nil)
        }
    }

    /// - Returns: false if there is nothing to wait for.
    mutating func wait(forDrain waiter: CheckedContinuation<Void, Never>) -> Bool {
        if isDrained { return false }
        drainWaiters.append(waiter)
        return true
    }

    /// - Returns: false if there is nothing to wait for.
    mutating func wait(forStop waiter: CheckedContinuation<Void, Never>) -> Bool {
        if !isStarted { state = .stopped }
        if hasEnded { return false }
        stopWaiters.append(waiter)
        return true
    }

    mutating func takeStartWaiters() -> [CheckedContinuation<Result<Void, BatchingError>, Never>] {
        defer { startWaiters = [] }
        return startWaiters
    }

    /// Everyone who waits for an end that is there now, and the engine that nobody will take any more.
    mutating func takeLastWaiters() -> LastWaiters {
        defer {
            drainWaiters = []
            stopWaiters = []
        }
        return LastWaiters(waiters: drainWaiters + stopWaiters, replacement: takeReplacement())
    }

    struct LastWaiters: Sendable {
        fileprivate let waiters: [CheckedContinuation<Void, Never>]
        fileprivate let replacement: Replacement?

        /// - Parameter error: for who asked for a replacement.
        func resume(error: BatchingError) {
            replacement?.handover.engine.stop()
            replacement?.continuation.resume(returning: .failure(error))
            for waiter in waiters { waiter.resume() }
        }
    }

    // MARK: Replacing the engine

    /// - Returns: why no replacement may be loaded now; nil if it may.
    mutating func beginReplacement() -> BatchingError? {
        switch state {
        case .starting, .failed: return .notReady
        case .draining, .stopped: return .draining
        case .ready: break
        }
        if isReplacing { return .replacementInProgress }
        isReplacing = true
        return nil
    }

    /// The new engine is ready: the engine thread takes it between two batches.
    /// - Returns: false if the service is ending; the engine is the caller's to stop.
    mutating func offer(_ replacement: Replacement) -> Bool {
        guard state == .ready else {
            isReplacing = false
            return false
        }
        self.replacement = replacement
        return true
    }

    /// No new engine comes.
    mutating func endReplacement() { isReplacing = false }

    /// A replacement that was not taken.
    mutating func takeReplacement() -> Replacement? {
        defer { replacement = nil }
        return replacement
    }

    // MARK: Calls

    mutating func admit(
        call number: Int, _ messages: [TokenizedMessage], arrival: Instant, deadline: Instant?, now: Instant,
        continuation: CheckedContinuation<CallResult, Never>
    ) -> Admission {
        guard state != .draining, state != .stopped else { return .answered(.failure(.draining)) }
        guard state == .ready, let limit = model?.tokenizer.maximumTokens, scheduler != nil else {
            return .answered(.failure(.notReady))
        }
        var results = messages.map { Self.misfit($0, limit: limit).map { Result<Answer, BatchingError>.failure($0) } }
        let rows = messages.indices.filter { results[$0] == nil }.map { row in
            (tokens: messages[row].ids.count, payload: Ticket(message: messages[row], call: number, row: row))
        }
        guard !rows.isEmpty else { return .answered(.success(results.compactMap { $0 })) }
        let expiryBefore = deadlineThreadWakesAt
        switch scheduler?.admit(rows, arrival: arrival, deadline: deadline, now: now) {
        case .success(let ids)?:
            results.reserveCapacity(messages.count)
            calls[number] = Call(ids: ids, results: results, missing: rows.count, continuation: continuation)
            let expiry = scheduler?.nextExpiry
            return .waiting(wakesDeadlineThread: expiryBefore.map { $0 > expiry ?? $0 } ?? true)
        case .failure(let refusal)?:
            return .answered(.failure(BatchingError(refusal, tokens: rows.reduce(0) { $0 + $1.tokens })))
        case nil:
            return .answered(.failure(.notReady))
        }
    }

    /// As `BatchScheduler.refuseUnread`.
    mutating func refuseUnread(leastTokens: Int, likelyTokens: Int, arrival: Instant, now: Instant) -> Duration? {
        guard state == .ready else { return nil }
        let unread = Ticket(message: TokenizedMessage(ids: []), call: 0, row: 0)
        return scheduler?.refuseUnread(
            least: (leastTokens, unread), likely: likelyTokens, arrival: arrival, now: now)
    }

    /// Why a message cannot be run at all. Found here and not by the engine: its time would say nothing of its tokens.
    private static func misfit(_ message: TokenizedMessage, limit: Int) -> BatchingError? {
        if message.ids.isEmpty { return .engine(.emptyMessage) }
        if message.ids.count > limit { return .engine(.messageTooLong(tokens: message.ids.count, limit: limit)) }
        return nil
    }

    /// The caller has left: its waiting rows leave the queue, what runs is computed for nobody.
    mutating func cancel(call number: Int) -> [Completion] {
        guard let call = calls.removeValue(forKey: number) else { return [] }
        _ = scheduler?.cancel(call.ids)
        return [Completion(continuation: call.continuation, result: .failure(.cancelled))]
    }

    /// Answers what can no longer be done in time.
    mutating func expire(now: Instant) -> [Completion] {
        settle((scheduler?.expire(now: now) ?? []).map { ($0.payload, .failure(.deadlineExceeded)) })
    }

    // MARK: The engine thread

    /// The engine is idle: what now? Nil if there is nothing to do yet.
    mutating func nextTurn(now: Instant) -> Turn? {
        let expired = expire(now: now)
        let step = nextStep(now: now)
        var drained: [CheckedContinuation<Void, Never>] = []
        if isDrained { swap(&drained, &drainWaiters) }
        if step == nil, expired.isEmpty, drained.isEmpty { return nil }
        return Turn(step: step, completions: expired, drained: drained)
    }

    /// What the engine thread does next, and whom it tells before.
    struct Turn: Sendable {
        let step: Step?
        let completions: [Completion]
        /// Everything admitted has been answered: what these waited for.
        let drained: [CheckedContinuation<Void, Never>]
    }

    private mutating func nextStep(now: Instant) -> Step? {
        if let replacement = takeReplacement() { return .replace(replacement) }
        if let batch = scheduler?.nextBatch(now: now) { return .run(batch) }
        return isStopping ? .end : nil
    }

    /// A replacement serves from now on.
    mutating func replace(by replacement: Replacement) {
        model = replacement.model
        isReplacing = false
    }

    /// The running batch is done.
    /// - Returns: nil if the service has failed meanwhile, and everyone has been told.
    mutating func finish(
        _ batch: Batch<Ticket>, _ results: [Result<Prediction, EngineError>], by model: ServedModel, time: Duration,
        now: Instant
    ) -> (completions: [Completion], report: BatchReport)? {
        guard scheduler?.runningSince != nil, let late = scheduler?.batchFinished(now: now) else { return nil }
        let rows = batch.requests.indices.map { index -> (Ticket, Result<Answer, BatchingError>) in
            let result = index < results.count
                ? results[index] : .failure(.mismatch("\(results.count) answers to \(batch.requests.count) messages"))
            return (
                batch.requests[index].payload,
                result.map { prediction in
                    Answer(
                        prediction: prediction, model: model, queueTime: batch.queueTimes[index], computeTime: time,
                        isLate: late[index])
                }.mapError { .engine($0) })
        }
        let report = BatchReport(
            messages: batch.requests.count, tokens: batch.tokens, queueTimes: batch.queueTimes,
            predictedTime: batch.predictedTime, computeTime: time, boundMisses: late.count { $0 },
            queuedTokens: scheduler?.queuedTokens ?? 0, model: model)
        return (settle(rows), report)
    }

    /// Stores results of rows; calls that lack none any more are complete.
    private mutating func settle(_ rows: [(Ticket, Result<Answer, BatchingError>)]) -> [Completion] {
        var completions: [Completion] = []
        for (ticket, result) in rows {
            // No call: its caller has left.
            guard var call = calls.removeValue(forKey: ticket.call) else { continue }
            call.results[ticket.row] = result
            call.missing -= 1
            if call.missing == 0 {
                completions.append(
                    Completion(continuation: call.continuation, result: .success(call.results.compactMap { $0 })))
            } else {
                calls[ticket.call] = call
            }
        }
        return completions
    }
}

extension BatchingError {
    /// A refusal as the caller sees it.
    init(_ refusal: Refusal, tokens: Int) {
        self = switch refusal {
        case .overloaded(let retryAfter): .overloaded(retryAfter: retryAfter)
        case .deadlineTooShort(let needed): .deadlineTooShort(needed: needed)
        case .tooManyTokens(let limit): .tooManyTokens(tokens: tokens, limit: limit)
        case .draining: .draining
        }
    }
}
