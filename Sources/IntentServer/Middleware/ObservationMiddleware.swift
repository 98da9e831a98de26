import HTTPTypes
import Hummingbird
import NIOHTTP1

/// Outermost: gives each request its id, and counts, times and logs it by its route, never by its path or content.
struct ObservationMiddleware: RouterMiddleware {
    let log: AccessLog
    let readiness: Readiness

    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let record = context.record
        record.id = RequestIdentifier.accepted(request.headers[.requestID]) ?? RequestIdentifier.make()
        log.started()
        do {
            var response = try await next(request, context)
            response.headers[.requestID] = record.id
            if let timing = record.timing { response.headers[.serverTiming] = timing.headerValue }
            Self.addCommon(&response.headers)
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

    /// Headers of every answer.
    static func addCommon(_ headers: inout HTTPFields) {
        headers[.xContentTypeOptions] = "nosniff"
        if headers[.cacheControl] == nil { headers[.cacheControl] = "no-store" }
    }

    private func finish(_ request: Request, _ context: ServiceContext, status: Int) {
        log.finished(
            id: context.record.id, route: RouteTable.label(context.endpointPath),
            method: RouteTable.methodLabel(request.method), status: status, arrival: context.record.arrival,
            messages: context.record.messages, tokens: context.record.tokens)
    }
}
