import HTTPTypes
import Hummingbird
import NIOCore

/// Packs answers as gzip for clients that accept it, where that saves anything.
struct CompressionMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: ServiceContext, next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        guard let length = response.body.contentLength, length >= GzipEncoder.minimumBytes else { return response }
        response.headers[.vary] = "Accept-Encoding"
        guard GzipEncoder.isAccepted(request.headers[.acceptEncoding]), response.headers[.contentEncoding] == nil,
            let body = try await Self.buffer(response.body),
            let packed = try await EventLoopExecutor.offLoop(bytes: length, { GzipEncoder.deflate(body) })
        else { return response }
        response.headers[.contentEncoding] = "gzip"
        response.body = ResponseBody(byteBuffer: packed)
        return response
    }

    /// The body's bytes; every route answers with a whole buffer.
    private static func buffer(_ body: ResponseBody) async throws -> ByteBuffer? {
        let collector = BodyCollector()
        try await body.write(collector)
        return collector.buffer
    }

    /// Keeps what is written.
    private final class BodyCollector: ResponseBodyWriter {
        var buffer = ByteBuffer()

        func write(_ buffer: ByteBuffer) async throws { self.buffer.writeImmutableBuffer(buffer) }
        func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}
