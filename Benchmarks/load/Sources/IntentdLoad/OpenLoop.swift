import Foundation
import Histogram
import NIOCore

/// Sends requests at times drawn before the run, whatever the service does: an open loop. Latency counts from the
/// intended time, so a service (or client) that stalls is charged for everyone who should have come meanwhile
/// ("coordinated omission", Gil Tene).
///
/// `@unchecked Sendable`: all state is touched on the pool's loop only, but for the start and after the end.
final class OpenLoop: @unchecked Sendable {
    private let rate: Double
    private let seconds: Double
    private let warmUp: Double
    private let bound: Double
    /// Body of the answer to each distinct message, sent alone.
    private let expected: [Int: ByteBuffer]
    private let loop: any EventLoop
    private var pool: ConnectionPool?
    private var report: LoadReport
    private var latency = OpenLoop.histogram()
    private var refusal = OpenLoop.histogram()
    private var delay = OpenLoop.histogram()
    private var outside = OpenLoop.histogram()
    private var arrivals: [Double] = []
    private var next = 0
    private var outstanding = 0
    private var start = NIODeadline.now()
    private let done: EventLoopPromise<Void>

    /// Answers that take longer than this after the last arrival count as failed.
    private static let patience = TimeAmount.seconds(15)

    init(
        policy: String, rate: Double, load: Double?, seconds: Double, warmUp: Double, boundMilliseconds: Double,
        expected: [Int: ByteBuffer], loop: any EventLoop
    ) {
        self.rate = rate
        self.seconds = seconds
        self.warmUp = warmUp
        bound = boundMilliseconds
        self.expected = expected
        self.loop = loop
        done = loop.makePromise()
        report = LoadReport(
            policy: policy, offeredRate: rate, load: load, boundMilliseconds: boundMilliseconds, seconds: seconds)
    }

    private static func histogram() -> Histogram<UInt64> {
        Histogram(lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .three)
    }

    func run(_ target: Target) async throws -> LoadReport {
        var random = SystemRandomNumberGenerator()
        var time = 0.0
        while time < warmUp + seconds {
            time += -log(Double.random(in: Double.leastNonzeroMagnitude...1, using: &random)) / rate
            arrivals.append(time)
        }
        let pool = ConnectionPool(loop: loop, target: target) { [self] in finished($0, $1) }
        try await pool.open()
        try await loop.submit { [self] in
            self.pool = pool
            start = .now() + .milliseconds(50)
            fire()
        }.get()
        try await done.futureResult.get()
        report.latency = LoadReport.Quantiles(latency)
        report.refusalLatency = LoadReport.Quantiles(refusal)
        report.sendDelay = LoadReport.Quantiles(delay)
        report.outside = LoadReport.Quantiles(outside)
        return report
    }

    private func fire() {
        let now = NIODeadline.now()
        while next < arrivals.count {
            let intended = start + .nanoseconds(Int64(arrivals[next] * 1e9))
            guard intended <= now else {
                loop.scheduleTask(deadline: intended) { [self] in fire() }
                return
            }
            if isMeasured(intended) {
                report.sent += 1
                delay.record(microseconds(now - intended))
            }
            outstanding += 1
            let message = Requests.message(next)
            pool?.send(Exchange(message: message, body: Requests.bodies[message], intended: intended))
            next += 1
        }
        loop.scheduleTask(in: Self.patience) { [self] in
            report.failed += outstanding
            outstanding = 0
            done.succeed()
        }
    }

    private func finished(_ exchange: Exchange, _ outcome: Outcome) {
        outstanding -= 1
        if isMeasured(exchange.intended) { record(exchange, outcome) }
        if outstanding == 0, next == arrivals.count { done.succeed() }
    }

    private func record(_ exchange: Exchange, _ outcome: Outcome) {
        guard case .response(let status, let body, let engine) = outcome else {
            report.failed += 1
            return
        }
        let time = microseconds(NIODeadline.now() - exchange.intended)
        switch status {
        case 200:
            latency.record(time)
            let isLate = Double(time) > bound * 1000
            if isLate { report.late += 1 } else { report.inTime += 1 }
            if let engine {
                outside.record(UInt64(max(Double(time) - engine * 1000, 0)))
                if isLate, engine <= bound { report.lateOutside += 1 }
            }
            if let known = expected[exchange.message], known != body { report.wrong += 1 }
        case 429:
            refusal.record(time)
            report.refused += 1
        case 503: report.unavailable += 1
        case 504: report.deadlinePassed += 1
        default: report.otherStatus += 1
        }
    }

    private func isMeasured(_ intended: NIODeadline) -> Bool {
        intended - start >= .nanoseconds(Int64(warmUp * 1e9))
    }

    private func microseconds(_ time: TimeAmount) -> UInt64 { UInt64(max(time.nanoseconds, 0) / 1000) }
}
