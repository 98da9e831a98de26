import HTTPTypes
import Hummingbird

/// What a client is told when a request is not served. Messages name fields, limits and remedies, never content.
struct APIError: Error, Sendable, Equatable {
    /// The kinds of refusal, by the name that the answer carries.
    enum Code: String, Sendable, CaseIterable {
        case malformedRequest = "malformed_request"
        case unauthorized
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case requestTimeout = "request_timeout"
        case tooLarge = "too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case invalidValue = "invalid_value"
        case overloaded
        case headersTooLarge = "headers_too_large"
        case clientClosedRequest = "client_closed_request"
        case internalError = "internal_error"
        case starting
        case draining
        case deadlineExceeded = "deadline_exceeded"

        var status: HTTPResponse.Status {
            switch self {
            case .malformedRequest: .badRequest
            case .unauthorized: .unauthorized
            case .notFound: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .requestTimeout: .requestTimeout
            case .tooLarge: .contentTooLarge
            case .unsupportedMediaType: .unsupportedMediaType
            case .invalidValue: .unprocessableContent
            case .overloaded: .tooManyRequests
            case .headersTooLarge: .init(code: 431, reasonPhrase: "Request Header Fields Too Large")
            case .clientClosedRequest: .init(code: 499, reasonPhrase: "Client Closed Request")
            case .internalError: .internalServerError
            case .starting, .draining: .serviceUnavailable
            case .deadlineExceeded: .gatewayTimeout
            }
        }
    }

    var code: Code
    var message: String
    /// Headers that belong to the refusal: Allow, Retry-After, WWW-Authenticate.
    var headers: HTTPFields = [:]
    /// True if the rest of the request cannot be read, so that the connection must end.
    var closesConnection = false

    var status: HTTPResponse.Status { code.status }
}

extension APIError {
    static func malformed(_ message: String) -> APIError { APIError(code: .malformedRequest, message: message) }

    static func invalid(_ message: String) -> APIError { APIError(code: .invalidValue, message: message) }

    static func notFound(_ message: String) -> APIError { APIError(code: .notFound, message: message) }

    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> APIError {
        let list = allowed.map(\.rawValue).sorted().joined(separator: ", ")
        return APIError(
            code: .methodNotAllowed, message: "this resource takes \(list)", headers: [.allow: list])
    }

    /// A body over the limit: the rest of it is not read.
    static func tooLarge(_ message: String) -> APIError {
        APIError(code: .tooLarge, message: message, closesConnection: true)
    }

    static let unauthorized = APIError(
        code: .unauthorized, message: "send a valid token: Authorization: Bearer TOKEN",
        headers: [.wwwAuthenticate: "Bearer realm=\"intentd\""])

    static let bodyTimeout = APIError(
        code: .requestTimeout, message: "the request's body did not arrive in time", closesConnection: true)

    static let internalError = APIError(
        code: .internalError, message: "the request could not be served; the log has the cause under its request id")

    /// - Parameter retryAfter: rounded up to whole seconds, at least one, as RFC 9110 has it.
    static func overloaded(_ message: String, retryAfter: Duration) -> APIError {
        let (seconds, attoseconds) = retryAfter.components
        let whole = max(1, min(seconds + (attoseconds > 0 ? 1 : 0), 60))
        return APIError(code: .overloaded, message: message, headers: [.retryAfter: String(whole)])
    }

    static let starting = APIError(
        code: .starting, message: "the model is being loaded", headers: [.retryAfter: "1"])

    static let draining = APIError(
        code: .draining, message: "the service is shutting down", headers: [.retryAfter: "1"])

    init(_ failure: ClassificationFailure, field: (Int) -> String) {
        switch failure {
        case .emptyMessage(let index): self = .invalid("\(field(index)) is empty")
        case .overloaded(let retryAfter):
            self = .overloaded("the service is at capacity; try again later", retryAfter: retryAfter)
        case .deadlineExceeded:
            self = APIError(code: .deadlineExceeded, message: "the request cannot be answered by its deadline")
        case .tooManyTokens(let tokens, let limit):
            self = APIError(
                code: .tooLarge, message: "the request has \(tokens) tokens; at most \(limit) may be sent at once")
        case .starting: self = .starting
        case .draining: self = .draining
        case .abandoned: self = APIError(code: .clientClosedRequest, message: "the client closed the connection")
        case .failed: self = .internalError
        }
    }
}
