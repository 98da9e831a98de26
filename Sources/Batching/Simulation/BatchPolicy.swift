/// What the simulation drives: the product's scheduler, or another policy to compare it with.
package protocol BatchPolicy {
    /// A call arrives: true if its rows are admitted.
    mutating func arrive(_ call: SimulatedCall, rows: Range<Int>, now: ContinuousClock.Instant) -> Bool
    /// The caller of these rows has left.
    /// - Returns: the rows that were waiting and will not be run.
    mutating func cancel(rows: Range<Int>) -> [Int]
    /// The engine is idle: what now?
    mutating func next(now: ContinuousClock.Instant) -> PolicyStep
    /// The batch is done.
    /// - Returns: for each of its rows, whether it was answered by its deadline.
    mutating func finished(now: ContinuousClock.Instant) -> [Bool]
}

/// A policy's answer to an idle engine.
package struct PolicyStep {
    /// Rows that are given up.
    package var expired: [Int]
    /// Rows to run now; empty for none.
    package var batch: [Int]
    /// When to ask again if nothing happens before; nil if only an arrival can change the answer.
    package var wakeAt: ContinuousClock.Instant?

    package init(expired: [Int] = [], batch: [Int] = [], wakeAt: ContinuousClock.Instant? = nil) {
        self.expired = expired
        self.batch = batch
        self.wakeAt = wakeAt
    }
}
