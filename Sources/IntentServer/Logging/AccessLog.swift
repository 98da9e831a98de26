import Logging

/// Counts, times and logs requests by their route, never by their path or content.
struct AccessLog: Sendable {
    let metrics: ServiceMetrics
    let logger: Logger

    func started() { metrics.requestStarted() }

    /// - Parameters:
    ///   - route: the route's pattern, or "unmatched".
    ///   - messages: how many were classified; none are left out of the line, as are their tokens.
    func finished(
        id: String, route: String, method: String, status: Int, arrival: ContinuousClock.Instant, messages: Int = 0,
        tokens: Int = 0
    ) {
        let duration = arrival.duration(to: .now)
        metrics.requestFinished(route: route, method: method, status: status, duration: duration)
        let level: Logger.Level = RouteTable.isProbe(route) ? .debug : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "request_id": .string(id), "route": .string(route), "method": .string(method),
            "status": .stringConvertible(status),
            "duration_ms": .stringConvertible(Double(duration.nanoseconds / 1000) / 1000),
        ]
        if messages > 0 {
            metadata["messages"] = .stringConvertible(messages)
            metadata["tokens"] = .stringConvertible(tokens)
        }
        logger.log(level: level, "request", metadata: metadata)
    }
}
