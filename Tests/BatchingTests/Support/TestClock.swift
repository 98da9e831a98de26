@testable import Batching

/// A clock that stands still until it is moved.
struct TestClock {
    private(set) var now = ContinuousClock.now

    mutating func advance(milliseconds: Double) { now += .seconds(milliseconds / 1000) }

    /// The moment this many milliseconds from now.
    func at(milliseconds: Double) -> ContinuousClock.Instant { now + .seconds(milliseconds / 1000) }
}

/// A scheduler whose payloads are names, on a clock of its own.
struct TestScheduler {
    var clock = TestClock()
    var scheduler: BatchScheduler<String>

    /// - Parameter tokens per millisecond are 4, as with the default model; no margin unless the cost model learns one.
    init(fixed: Double = 1, perToken: Double = 0.25, configuration: BatchingConfiguration = .exact) {
        let costs = CostModel(
            fixed: .seconds(fixed / 1000), perToken: .seconds(perToken / 1000),
            marginCeiling: configuration.marginCeiling)
        scheduler = BatchScheduler(configuration: configuration, costs: costs, now: clock.now)
    }

    mutating func admit(_ name: String, tokens: Int = 12, timeout: Double? = nil) -> Result<Range<Int>, Refusal> {
        scheduler.admit(
            [(tokens: tokens, payload: name)], arrival: clock.now,
            deadline: timeout.map { clock.at(milliseconds: $0) }, now: clock.now)
    }

    mutating func admit(rows: [(tokens: Int, payload: String)], timeout: Double? = nil) -> Result<Range<Int>, Refusal> {
        scheduler.admit(
            rows, arrival: clock.now, deadline: timeout.map { clock.at(milliseconds: $0) }, now: clock.now)
    }

    /// Names in the batch that starts now; nil if there is none.
    mutating func start() -> [String]? { scheduler.nextBatch(now: clock.now)?.requests.map(\.payload) }

    mutating func finish(after milliseconds: Double) -> [Bool] {
        clock.advance(milliseconds: milliseconds)
        return scheduler.batchFinished(now: clock.now)
    }
}

extension BatchingConfiguration {
    /// 50 ms, all of it for the engine, nothing kept for the way.
    static let exact = BatchingConfiguration(answerAllowance: .zero, transitShare: 0)
}

extension Result {
    var isSuccess: Bool { if case .success = self { true } else { false } }
    var refusal: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
