import HTTPTypes
import Hummingbird
import NIOCore

/// Reads a request's body within the limits: media type, encoding, size, the budget over all requests.
struct BodyReader: Sendable {
    private let limits: ServerLimits
    private let budget: BodyBudget

    init(limits: ServerLimits) {
        self.limits = limits
        budget = BodyBudget(limit: limits.heldBodyBytes)
    }

    /// Reads the body and hands it to `use`; its bytes count against the budget until then.
    /// - Parameter accepts: media types that the route reads; a request that names none is taken as the first.
    /// - Throws: ``APIError``, or what the connection failed with.
    func withBody<Value: Sendable>(
        of request: Request, accepts: [String] = [MediaType.json], _ use: (ByteBuffer) async throws -> Value
    ) async throws -> Value {
        try check(mediaType: request.headers[.contentType], accepts)
        let isCompressed = try isCompressed(request.headers[.contentEncoding])
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
            throw tooLarge()
        }
        var held = 0
        defer { budget.give(held) }
        let body = try await collect(request.body, &held)
        // How much comes out of a packed body is not known before.
        return try await EventLoopExecutor.offLoop(bytes: isCompressed ? .max : body.readableBytes) {
            try await use(isCompressed ? try inflate(body, &held) : body)
        }
    }

    private func collect(_ body: RequestBody, _ held: inout Int) async throws -> ByteBuffer {
        var collected = ByteBuffer()
        for try await var chunk in body {
            guard collected.readableBytes + chunk.readableBytes <= limits.bodyBytes else { throw tooLarge() }
            try take(chunk.readableBytes, &held)
            if collected.readableBytes == 0 { collected = chunk } else { collected.writeBuffer(&chunk) }
        }
        return collected
    }

    private func inflate(_ body: ByteBuffer, _ held: inout Int) throws -> ByteBuffer {
        let inflated = body.withUnsafeReadableBytes { bytes in
            Result { () throws(GzipError) in
                try GzipDecoder.inflate(bytes, limit: limits.bodyBytes, ratio: limits.inflationRatio)
            }
        }
        switch inflated {
        case .success(let bytes):
            try take(bytes.count, &held)
            return ByteBuffer(bytes: bytes)
        case .failure(.malformed): throw APIError.malformed("the body is not gzip, though Content-Encoding says so")
        case .failure(.truncated): throw APIError.malformed("the gzip body ends early")
        case .failure(.tooLarge):
            throw APIError(code: .tooLarge, message: "the body is larger than \(limits.bodyBytes) bytes when unpacked")
        case .failure(.ratio):
            throw APIError(
                code: .tooLarge, message: "the body grows more than \(limits.inflationRatio) times when unpacked")
        }
    }

    private func take(_ bytes: Int, _ held: inout Int) throws(APIError) {
        guard budget.take(bytes) else {
            throw .overloaded("the service holds too many large requests; try again later", retryAfter: .seconds(1))
        }
        held += bytes
    }

    private func tooLarge() -> APIError {
        .tooLarge("the body is larger than \(limits.bodyBytes) bytes")
    }

    private func check(mediaType: String?, _ accepts: [String]) throws(APIError) {
        guard let mediaType else { return }
        let parts = mediaType.split(separator: ";", omittingEmptySubsequences: false).map {
            $0.trimmed.lowercased()
        }
        let charset = parts.dropFirst().first { $0.hasPrefix("charset=") }?.dropFirst("charset=".count)
        let utf8 = charset.map { ["utf-8", "utf8", "\"utf-8\""].contains(String($0)) } ?? true
        guard let type = parts.first, accepts.contains(type), utf8 else {
            throw APIError(
                code: .unsupportedMediaType, message: "send Content-Type: \(accepts.joined(separator: " or "))")
        }
    }

    private func isCompressed(_ encoding: String?) throws(APIError) -> Bool {
        switch encoding?.trimmed.lowercased() {
        case nil, "", "identity": return false
        case "gzip", "x-gzip": return true
        default:
            throw APIError(
                code: .unsupportedMediaType, message: "send the body plain or with Content-Encoding: gzip",
                headers: [.acceptEncoding: "gzip, identity"])
        }
    }
}
