import Batching

/// What many servers do, to compare with: a batch starts when `size` messages wait or the first has waited `window`.
/// Size 1 is no batching at all. Nothing is refused but for a limit on the queue, and nothing is given up.
struct FixedWindowPolicy: BatchPolicy {
    let size: Int
    let window: Double
    /// Judges answers only.
    let bound: Double
    /// Messages that may wait.
    let queueLimit: Int

    private var queue: [(row: Int, arrival: ContinuousClock.Instant)] = []
    private var running: [(row: Int, arrival: ContinuousClock.Instant)] = []

    init(size: Int, window: Double, bound: Double, queueLimit: Int = .max) {
        self.size = size
        self.window = window
        self.bound = bound
        self.queueLimit = queueLimit
    }

    mutating func arrive(_ call: SimulatedCall, rows: Range<Int>, now: ContinuousClock.Instant) -> Bool {
        guard queue.count + rows.count <= queueLimit else { return false }
        queue += rows.map { ($0, now) }
        return true
    }

    mutating func cancel(rows: Range<Int>) -> [Int] {
        let cancelled = queue.filter { rows.contains($0.row) }.map(\.row)
        queue.removeAll { rows.contains($0.row) }
        return cancelled
    }

    mutating func next(now: ContinuousClock.Instant) -> PolicyStep {
        guard let first = queue.first else { return PolicyStep() }
        let due = first.arrival + .seconds(window)
        guard queue.count >= size || now >= due else { return PolicyStep(wakeAt: due) }
        running = Array(queue.prefix(size))
        queue.removeFirst(running.count)
        return PolicyStep(batch: running.map(\.row))
    }

    mutating func finished(now: ContinuousClock.Instant) -> [Bool] {
        running.map { now - $0.arrival <= .seconds(bound) }
    }
}
