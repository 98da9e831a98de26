import Hummingbird

/// Lets requests pass that show a token; health endpoints are open to all.
struct AuthenticationMiddleware: RouterMiddleware {
    let authenticator: Authenticator

    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        guard RouteTable.isOpen(request.uri.path)
            || authenticator.accepts(authorization: request.headers[.authorization])
        else { throw APIError.unauthorized }
        return try await next(request, context)
    }
}
