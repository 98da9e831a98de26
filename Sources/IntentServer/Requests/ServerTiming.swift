import HTTPTypes

/// Where a request's time went, as the header `Server-Timing` tells it (W3C Server Timing; durations in milliseconds):
/// the longest wait for the engine among its messages, and the longest batch. What a client measures beyond both is
/// HTTP, JSON and tokens.
struct ServerTiming: Sendable, Equatable {
    var queue: Duration
    var compute: Duration

    init(queue: Duration, compute: Duration) {
        self.queue = queue
        self.compute = compute
    }

    init(_ answers: [MessageAnswer]) {
        self.init(
            queue: answers.map(\.queueTime).max() ?? .zero, compute: answers.map(\.computeTime).max() ?? .zero)
    }

    var headerValue: String {
        "queue;dur=\(Self.milliseconds(queue)), compute;dur=\(Self.milliseconds(compute))"
    }

    /// To the microsecond.
    private static func milliseconds(_ duration: Duration) -> Double {
        Double(max(duration.nanoseconds, 0) / 1000) / 1000
    }
}
