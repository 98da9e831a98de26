import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// Turns whatever a route throws into the error format of its family.
struct ErrorMiddleware: RouterMiddleware {
    let logger: Logger

    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        let error: APIError
        do {
            return try await next(request, context)
        } catch let thrown as APIError {
            error = thrown
        } catch is ConnectionGuard.BodyTimeout {
            error = .bodyTimeout
        } catch let thrown as HTTPParserError {
            throw thrown
        } catch let thrown as HTTPError where thrown.status == .notFound {
            error = RouteTable.unmatched(request.uri.path)
        } catch is NIOTooManyBytesError {
            error = .tooLarge("the body is too large")
        } catch is CancellationError {
            error = APIError(.abandoned) { _ in "" }
        } catch {
            logger.error(
                "request failed",
                metadata: ["request_id": .string(context.record.id), "error": .string("\(type(of: error))")])
            return RouteTable.errorFormat(request.uri.path).response(.internalError, requestID: context.record.id)
        }
        return RouteTable.errorFormat(request.uri.path).response(error, requestID: context.record.id)
    }
}
