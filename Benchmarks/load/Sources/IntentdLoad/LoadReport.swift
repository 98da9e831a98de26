import Histogram

/// What one run at one rate gave. Times are milliseconds, counted from each request's intended time.
struct LoadReport: Codable {
    var policy: String
    /// Requests a second that were offered, and their part of the capacity.
    var offeredRate: Double
    var load: Double?
    var boundMilliseconds: Double
    var seconds: Double
    var sent = 0
    /// Answered 200 inside the bound, and later.
    var inTime = 0
    var late = 0
    /// Of the late, those whose wait and compute by the service's own account ended inside the bound: the rest of their
    /// time went between the client and the service's clock, either way.
    var lateOutside = 0
    /// 429; 503; 504; anything else; no response.
    var refused = 0
    var unavailable = 0
    var deadlinePassed = 0
    var otherStatus = 0
    var failed = 0
    /// 200, but other bytes than the same message had alone.
    var wrong = 0
    var goodput: Double { Double(inTime) / seconds }
    var latency = Quantiles()
    var refusalLatency = Quantiles()
    /// How late the client itself was in sending.
    var sendDelay = Quantiles()
    /// Latency of the admitted less the service's own wait and compute.
    var outside = Quantiles()

    struct Quantiles: Codable {
        var p50 = 0.0, p99 = 0.0, p999 = 0.0, max = 0.0

        init() {}

        init(_ histogram: Histogram<UInt64>) {
            func ms(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
            (p50, p99, p999, max) = (ms(50), ms(99), ms(99.9), ms(100))
        }
    }

    /// The columns of `row`.
    static let header = """
        | policy | load | offered/s | goodput/s | admitted in bound | p50 ms | p99 | p99.9 | max | refused | refusal p50 ms | \
        p99 | 503 | 504 | failed | wrong |
        |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
        """

    var row: String {
        func one(_ value: Double) -> String { String(Double((value * 10).rounded() / 10)) }
        func percent(_ part: Int, _ whole: Int) -> String {
            let value = whole == 0 ? 100 : 100 * Double(part) / Double(whole)
            return "\(Double((value * 1000).rounded() / 1000)) %"
        }
        let admitted = inTime + late + deadlinePassed
        let cells: [String] = [
            policy, load.map { "\($0)x" } ?? "", one(offeredRate), one(goodput), percent(inTime, admitted),
            one(latency.p50), one(latency.p99), one(latency.p999), one(latency.max), percent(refused, sent),
            one(refusalLatency.p50), one(refusalLatency.p99), "\(unavailable)", "\(deadlinePassed)", "\(failed)",
            "\(wrong)",
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    enum CodingKeys: String, CodingKey {
        case policy, offeredRate, load, boundMilliseconds, seconds, sent, inTime, late, lateOutside, refused, unavailable
        case deadlinePassed, otherStatus, failed, wrong, latency, refusalLatency, sendDelay, outside
    }
}
