/// Decides which requests are admitted, and which run together, so that every admitted one is done by its deadline.
///
/// A value without threads or time of its own: events go in with the time at which they happen, decisions come out. The
/// engine thread, the tests' fake clock and the simulation all drive the same code.
///
/// - **Work-conserving.** `nextBatch` never waits for company; while a batch runs, arrivals form the next.
/// - **Earliest deadline first.** A batch is the longest run of the queue, in deadline order, whose predicted time
///   (plus margin) keeps its first member inside its deadline, and which takes at most `batchShare` of the bound, so
///   that who arrives just after its start still has time for a batch of their own.
/// - **Admission by schedulability.** A request is admitted if, with it in the queue, the batches that would be formed
///   from now on keep it and everything behind it in time (for EDF the exact test, up to prediction error: Liu and
///   Layland 1973; Dertouzos 1974). Otherwise it is refused now; by an idle engine only for the caller's own deadline.
/// - **Full batches under overload.** A batch has a fixed cost, and its first member's deadline limits its length.
///   While more work arrives than the engine can do, a request that would open a new batch is admitted only if it
///   leaves time for a full one; otherwise the queue fills with requests that have to run alone.
/// - **Deadlines.** A request's is the latency bound after its arrival, or the caller's own if that is earlier. Work
///   that cannot be done inside the bound gets twice its predicted time instead, half of the engine's speed: a very
///   long message, and the later rows of a call with many. So on an idle engine no message is refused for its length,
///   and one large call leaves the other half to requests with nearer deadlines, which pass it in the queue.
/// - **Too late.** A request whose deadline has passed leaves the queue. One that is predicted to miss it yields to all
///   that can still make theirs, and runs only if there are none.
///
/// Complexity: `admit` and `nextBatch` are linear in the queue; `n` comparisons of numbers, no allocation per request.
public struct BatchScheduler<Payload> {
    public typealias Instant = ContinuousClock.Instant

    public let configuration: BatchingConfiguration
    public internal(set) var costs: CostModel
    /// What happened to requests so far.
    public private(set) var totals = ServiceSnapshot.Totals()
    /// After `drain` nothing is admitted.
    public private(set) var isDraining = false

    var queue = DeadlineQueue<Payload>()
    private(set) var running: Running?
    private(set) var demand = DemandTracker()
    private(set) var budget = RiskBudget()
    private let origin: Instant
    private var nextID = 0
    private var lastFinish = 0.0

    /// What the engine is doing.
    struct Running {
        let requests: [Request<Payload>]
        let tokens: Int
        let start: Double
        let predicted: Double
    }

    /// - Parameter now: any moment; times inside are seconds since it.
    public init(configuration: BatchingConfiguration, costs: CostModel, now: Instant) {
        self.configuration = configuration
        self.costs = costs
        origin = now
    }

    public var queuedMessages: Int { queue.count }
    public var queuedTokens: Int { queue.tokens }
    public var runningMessages: Int { running?.requests.count ?? 0 }
    public var runningTokens: Int { running?.tokens ?? 0 }
    public var isIdle: Bool { running == nil && queue.isEmpty }

    /// When the next waiting request expires; nil if none waits.
    public var nextExpiry: Instant? { queue.requests.first.map { origin + .seconds($0.deadline) } }

    /// When the running batch started; nil if none runs.
    public var runningSince: Instant? { running.map { origin + .seconds($0.start) } }

    /// When a batch that has not ended means that the engine hangs; nil if none runs. A large model may take longer than
    /// `stallLimit` for one long message, and is then given a multiple of what was predicted.
    public var stallsAt: Instant? {
        running.map { running in
            let limit = max(configuration.stallLimit.inSeconds, Self.stallFactor * running.predicted)
            return origin + .seconds(running.start + limit)
        }
    }

    private static var stallFactor: Double { 5 }

    // MARK: Events

    /// Admits all rows of one call, or none.
    /// - Parameters:
    ///   - rows: tokens and payload of each message; at least one row.
    ///   - arrival: when the call reached the process.
    ///   - deadline: the caller's own; can only shorten the bound.
    /// - Returns: the rows' ids, in order.
    public mutating func admit(
        _ rows: [(tokens: Int, payload: Payload)], arrival: Instant, deadline: Instant? = nil, now: Instant
    ) -> Result<Range<Int>, Refusal> {
        let time = seconds(now)
        if isIdle { relaxCosts(time) }
        let candidates = candidates(rows, arrival: min(seconds(arrival), time), deadline: deadline.map(seconds))
        demand.add(seconds: urgentSeconds(candidates), now: time)
        switch admission(candidates, now: time) {
        case .failure(let refusal):
            totals.refused += rows.count
            return .failure(refusal)
        case .success(let risk): budget.charge(risk)
        }
        queue.insert(sorted: candidates)
        totals.admitted += rows.count
        nextID += rows.count
        return .success(nextID - rows.count..<nextID)
    }

    /// Refuses a message before it is split into tokens, where it would not be admitted even with the fewest that it
    /// can have: under overload most of the work is refusing.
    /// - Parameters:
    ///   - least: the fewest tokens, and what `admit` would be given.
    ///   - likely: the tokens that it counts as in the demand.
    /// - Returns: when to try again; nil if only `admit` can tell.
    public mutating func refuseUnread(
        least: (tokens: Int, payload: Payload), likely: Int, arrival: Instant, now: Instant
    ) -> Duration? {
        // An idle engine may have become faster meanwhile, which `admit` finds out.
        if isIdle { return nil }
        let time = seconds(now)
        let candidates = candidates([least], arrival: min(seconds(arrival), time), deadline: nil)
        guard case .failure(.overloaded(let retryAfter)) = admission(candidates, now: time) else { return nil }
        demand.add(seconds: urgentSeconds(candidates) * Double(likely) / Double(least.tokens), now: time)
        totals.refused += 1
        return retryAfter
    }

    /// Takes the waiting ones of these requests out of the queue: their caller left.
    public mutating func cancel(_ ids: Range<Int>) -> [Request<Payload>] {
        let cancelled = queue.remove { ids.contains($0.id) }
        totals.cancelled += cancelled.count
        return cancelled
    }

    /// Takes out what can no longer be answered in time because its deadline is not after `now`.
    public mutating func expire(now: Instant) -> [Request<Payload>] {
        let expired = queue.removeExpired(at: seconds(now))
        totals.expired += expired.count
        return expired
    }

    /// The batch to run from now on; nil if nothing waits. Call `expire` first.
    /// - Precondition: no batch runs.
    public mutating func nextBatch(now: Instant) -> Batch<Payload>? {
        precondition(running == nil, "one batch at a time")
        let time = seconds(now)
        let requests = queue.remove(at: positionsOfNextBatch(start: time))
        guard !requests.isEmpty else { return nil }
        let tokens = requests.reduce(0) { $0 + $1.tokens }
        let predicted = costs.seconds(tokens: tokens)
        running = Running(requests: requests, tokens: tokens, start: time, predicted: predicted)
        return Batch(
            requests: requests, tokens: tokens, predictedTime: .seconds(predicted),
            queueTimes: requests.map { .seconds(max(0, time - $0.arrival)) })
    }

    /// The running batch is done: its time teaches the cost model.
    /// - Returns: for each of its requests, whether it was too late.
    /// - Precondition: a batch runs.
    @discardableResult
    public mutating func batchFinished(now: Instant) -> [Bool] {
        guard let batch = running else { preconditionFailure("no batch runs") }
        let time = seconds(now)
        running = nil
        lastFinish = time
        costs.observe(tokens: batch.tokens, seconds: time - batch.start)
        let late = batch.requests.map { $0.deadline < time }
        let lateCount = late.count { $0 }
        totals.answeredLate += lateCount
        totals.answeredInTime += late.count - lateCount
        return late
    }

    /// From now on nothing is admitted.
    public mutating func drain() { isDraining = true }

    /// Gives up everything, running and waiting: the engine hangs or has ended.
    public mutating func abandonAll() -> [Request<Payload>] {
        let abandoned = (running?.requests ?? []) + queue.remove { _ in true }
        running = nil
        isDraining = true
        totals.failed += abandoned.count
        return abandoned
    }

    // MARK: Time

    func seconds(_ instant: Instant) -> Double { (instant - origin).inSeconds }

    private mutating func relaxCosts(_ time: Double) {
        costs.relax(idleSeconds: time - lastFinish)
        lastFinish = max(lastFinish, time)
    }

    // MARK: Rows

    /// Rows as requests, with their deadlines; ids as if they were admitted.
    private func candidates(
        _ rows: [(tokens: Int, payload: Payload)], arrival: Double, deadline: Double?
    ) -> [Request<Payload>] {
        var work = CallWork(costs: costs, batchSeconds: batchSeconds)
        return rows.enumerated().map { index, row in
            work.add(tokens: row.tokens)
            let own = arrival + max(boundSeconds, work.seconds / Self.longWorkSpeed)
            return Request(
                id: nextID + index, tokens: row.tokens, arrival: arrival,
                deadline: min(own, (deadline ?? .infinity) - allowanceSeconds), payload: row.payload)
        }
    }

    /// Work that does not fit the bound is promised this part of the engine.
    private static var longWorkSpeed: Double { 0.5 }
}

extension BatchScheduler: Sendable where Payload: Sendable {}
extension BatchScheduler.Running: Sendable where Payload: Sendable {}
