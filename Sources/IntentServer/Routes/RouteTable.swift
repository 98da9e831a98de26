import HTTPTypes

/// Questions about paths that the list of routes answers.
enum RouteTable {
    /// What a request counts as in metrics and logs when no route fits it.
    static let unmatchedLabel = "unmatched"

    private static let patterns = Set(Route.allCases.map(\.path))
    private static let open = Set(Route.allCases.filter(\.isOpen).map(\.path))
    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    /// The route's pattern from what the router noted; a closed set.
    static func label(_ endpointPath: String?) -> String {
        guard let endpointPath, patterns.contains(endpointPath) else { return unmatchedLabel }
        return endpointPath
    }

    /// The method, or "other": a client can make up methods.
    static func methodLabel(_ method: HTTPRequest.Method) -> String {
        methods.contains(method.rawValue) ? method.rawValue : "other"
    }

    /// True if the path answers without a token.
    static func isOpen(_ path: String) -> Bool { open.contains(path) }

    /// True for health checks and scrapes, which come every few seconds and would fill the log.
    static func isProbe(_ label: String) -> Bool { open.contains(label) || label == Route.metrics.path }

    /// How errors are written under a path.
    static func errorFormat(_ path: String) -> ErrorFormat {
        if path == "/v2" || path.hasPrefix("/v2/") { return .inferenceProtocol }
        return path == Route.predict.path ? .embeddings : .service
    }

    /// The error for a request that the router did not place: 405 if another method would fit, else 404.
    static func unmatched(_ path: String) -> APIError {
        let allowed = Route.allCases.filter { matches(path, $0.path) }.flatMap(\.allowedMethods)
        guard !allowed.isEmpty else { return .notFound("there is nothing here; GET /openapi.json lists what is") }
        return .methodNotAllowed(allowed)
    }

    private static func matches(_ path: String, _ pattern: String) -> Bool {
        let parts = path.split(separator: "/"), expected = pattern.split(separator: "/")
        return parts.count == expected.count && zip(parts, expected).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
    }
}
