/// The product's scheduler in the simulation.
package struct LatencyBoundedPolicy: BatchPolicy {
    package private(set) var scheduler: BatchScheduler<Int>
    /// Ids of the rows of each call that was admitted, by its first row.
    private var admitted: [Int: Range<Int>] = [:]

    package init(configuration: BatchingConfiguration, costs: CostModel, now: ContinuousClock.Instant) {
        scheduler = BatchScheduler(configuration: configuration, costs: costs, now: now)
    }

    package mutating func arrive(_ call: SimulatedCall, rows: Range<Int>, now: ContinuousClock.Instant) -> Bool {
        let result = scheduler.admit(
            zip(call.rows, rows).map { (tokens: $0, payload: $1) }, arrival: now,
            deadline: call.timeout.map { now + .seconds($0) }, now: now)
        guard case .success(let ids) = result else { return false }
        if call.patience != nil { admitted[rows.lowerBound] = ids }
        return true
    }

    package mutating func cancel(rows: Range<Int>) -> [Int] {
        guard let ids = admitted.removeValue(forKey: rows.lowerBound) else { return [] }
        return scheduler.cancel(ids).map(\.payload)
    }

    package mutating func next(now: ContinuousClock.Instant) -> PolicyStep {
        let expired = scheduler.expire(now: now)
        let batch = scheduler.nextBatch(now: now)
        return PolicyStep(expired: expired.map(\.payload), batch: batch?.requests.map(\.payload) ?? [])
    }

    package mutating func finished(now: ContinuousClock.Instant) -> [Bool] {
        scheduler.batchFinished(now: now).map { !$0 }
    }
}
