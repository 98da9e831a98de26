import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Outermost: gives each request its id, and counts, times and logs it by its route, never by its path or content.
struct ObservationMiddleware: RouterMiddleware {
    let metrics: ServiceMetrics
    let readiness: Readiness
    let logger: Logger

    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let record = context.record
        record.id = RequestIdentifier.accepted(request.headers[.requestID]) ?? RequestIdentifier.make()
        metrics.requestStarted()
        do {
            var response = try await next(request, context)
            response.headers[.requestID] = record.id
            if let timing = record.timing { response.headers[.serverTiming] = timing.headerValue }
            response.headers[.xContentTypeOptions] = "nosniff"
            if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
            // Clients are to reconnect elsewhere while this server drains.
            if readiness.isDraining { response.headers[.connection] = "close" }
            finish(request, context, status: response.status.code)
            return response
        } catch let error as HTTPParserError {
            // The connection itself answers 400.
            finish(request, context, status: HTTPResponse.Status.badRequest.code)
            throw error
        } catch {
            finish(request, context, status: HTTPResponse.Status.internalServerError.code)
            throw error
        }
    }

    private func finish(_ request: Request, _ context: ServiceContext, status: Int) {
        let route = RouteTable.label(context.endpointPath)
        let method = RouteTable.methodLabel(request.method)
        let duration = context.record.arrival.duration(to: .now)
        metrics.requestFinished(route: route, method: method, status: status, duration: duration)
        let level: Logger.Level = RouteTable.isProbe(route) ? .debug : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "request_id": .string(context.record.id), "route": .string(route), "method": .string(method),
            "status": .stringConvertible(status),
            "duration_ms": .stringConvertible(Double(duration.nanoseconds / 1000) / 1000),
        ]
        let messages = context.record.messages
        if messages > 0 {
            metadata["messages"] = .stringConvertible(messages)
            metadata["tokens"] = .stringConvertible(context.record.tokens)
        }
        logger.log(level: level, "request", metadata: metadata)
    }
}
