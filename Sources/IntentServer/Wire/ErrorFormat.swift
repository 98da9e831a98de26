import HTTPTypes
import Hummingbird
import NIOCore

/// How a family of routes writes its errors.
enum ErrorFormat: Sendable, Equatable {
    /// intentd's own: `{"error":{"code","message","request_id"}}`.
    case service
    /// Open Inference Protocol v2: `{"error":"..."}`.
    case inferenceProtocol
    /// text-embeddings-inference: `{"error","error_type"}`.
    case embeddings

    /// The answer to a request that failed.
    func response(_ error: APIError, requestID: String) -> Response {
        Response(
            status: error.status, headers: Self.headers(error, requestID: requestID),
            body: ResponseBody(byteBuffer: body(error, requestID: requestID)))
    }

    /// The headers of such an answer.
    static func headers(_ error: APIError, requestID: String) -> HTTPFields {
        var headers = error.headers
        headers[.contentType] = MediaType.json
        headers[.requestID] = requestID
        if error.closesConnection { headers[.connection] = "close" }
        return headers
    }

    /// The body of such an answer.
    func body(_ error: APIError, requestID: String) -> ByteBuffer {
        var json = JSONWriter()
        switch self {
        case .service:
            json.object { json in
                json.name("error")
                json.object { json in
                    json.member("code", error.code.rawValue)
                    json.member("message", error.message)
                    json.member("request_id", requestID)
                }
            }
        case .inferenceProtocol:
            json.object { $0.member("error", error.message) }
        case .embeddings:
            json.object { json in
                json.member("error", error.message)
                json.member("error_type", Self.embeddingsType(error.code))
            }
        }
        return json.buffer
    }

    /// The names that text-embeddings-inference's clients know.
    private static func embeddingsType(_ code: APIError.Code) -> String {
        switch code {
        case .overloaded: "Overloaded"
        case .starting, .draining: "Unhealthy"
        case .internalError, .deadlineExceeded, .clientClosedRequest: "Backend"
        default: "Validation"
        }
    }
}

/// Media types that the service reads and writes.
enum MediaType {
    static let json = "application/json"
    static let octets = "application/octet-stream"
    static let html = "text/html; charset=utf-8"
}
