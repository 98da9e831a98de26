/// The event loop of one simulation: always the earliest of the next arrival, departure of a caller, end of the running
/// batch, and time at which the policy wants to be asked again.
struct SimulationRun {
    private let engine: SimulatedEngine
    private let calls: [SimulatedCall]
    private var random: SeededGenerator
    private var report: SimulationReport
    /// First row of each call, and one past the last.
    private let firstRows: [Int]
    /// Calls with an impatient caller, by the time at which they leave.
    private let departures: [(time: Double, call: Int)]
    private var running: (rows: [Int], end: Double)?
    private var callOfRow: [Int] = []

    init(engine: SimulatedEngine, seed: UInt64, calls: [SimulatedCall]) {
        self.engine = engine
        self.calls = calls
        random = SeededGenerator(seed: seed)
        firstRows = calls.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.rows.count) }
        departures = calls.indices.compactMap { index in
            calls[index].patience.map { (calls[index].time + $0, index) }
        }.sorted { $0.time < $1.time }
        for (index, call) in calls.enumerated() { callOfRow += Array(repeating: index, count: call.rows.count) }
        report = SimulationReport(outcomes: Array(repeating: .lost, count: callOfRow.count))
    }

    mutating func run(_ policy: inout some BatchPolicy, origin: ContinuousClock.Instant) -> SimulationReport {
        var nextCall = 0, nextDeparture = 0
        var wake = Double.infinity
        var now = 0.0
        func instant(_ time: Double) -> ContinuousClock.Instant { origin + .seconds(time) }

        while true {
            let arrival = nextCall < calls.count ? calls[nextCall].time : .infinity
            let departure = nextDeparture < departures.count ? departures[nextDeparture].time : .infinity
            let end = running?.end ?? .infinity
            let time = min(arrival, departure, end, wake)
            guard time < .infinity else { break }
            now = max(now, time)
            if end == time {
                answer(now, inTime: policy.finished(now: instant(now)))
            } else if arrival == time {
                let rows = firstRows[nextCall]..<firstRows[nextCall + 1]
                if !policy.arrive(calls[nextCall], rows: rows, now: instant(now)) {
                    for row in rows { report.outcomes[row] = .refused }
                }
                nextCall += 1
            } else if departure == time {
                let call = departures[nextDeparture].call
                for row in policy.cancel(rows: firstRows[call]..<firstRows[call + 1]) { settle(row, .cancelled) }
                nextDeparture += 1
            }
            wake = .infinity
            if running == nil {
                let step = policy.next(now: instant(now))
                for row in step.expired { settle(row, .expired) }
                if step.batch.isEmpty {
                    wake = step.wakeAt.map { max((($0 - origin).inSeconds), now + 1e-9) } ?? .infinity
                } else {
                    start(step.batch, now)
                }
            }
        }
        report.seconds = now - (calls.first?.time ?? 0)
        return report
    }

    private mutating func start(_ rows: [Int], _ now: Double) {
        let tokens = rows.reduce(0) { sum, row in sum + calls[callOfRow[row]].rows[row - firstRows[callOfRow[row]]] }
        let seconds = engine.seconds(tokens: tokens, time: now, random: &random)
        report.batchTokens.append(tokens)
        report.busySeconds += seconds
        running = (rows, now + seconds)
    }

    private mutating func answer(_ now: Double, inTime: [Bool]) {
        for (row, inTime) in zip(running?.rows ?? [], inTime) {
            settle(row, .answered(latency: now - calls[callOfRow[row]].time, inTime: inTime))
        }
        running = nil
    }

    /// A row gets its outcome once; a second one would be a policy's error and shows as a lost row.
    private mutating func settle(_ row: Int, _ outcome: SimulationReport.Outcome) {
        report.outcomes[row] = report.outcomes[row] == .lost ? outcome : .lost
    }
}
