import NIOCore
import NIOHTTP1

/// Between the HTTP/1 parser and what is version-blind behind it.
///
/// It gives a request that does not keep its connection alive (HTTP/1.0, or `Connection: Close` in any spelling) the
/// plain `Connection: close` that the server looks for, and refuses heads that the parser takes but that a proxy in
/// front may read differently, so that no request hides in another (RFC 9112, sections 3.2 and 6.1).
final class RequestHeadHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// True if the last request may be sent informational answers, which HTTP/1.0 does not know.
    private(set) var allowsInformational = true
    /// Why a head was refused: nothing behind it is read.
    private(set) var refusal: APIError?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if refusal != nil { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        refusal = Self.fault(in: head)
        // In the parser's terms: the connection ends as it does for what cannot be parsed.
        if refusal != nil { return context.fireErrorCaught(HTTPParserError.invalidHeaderToken) }
        allowsInformational = Self.isAtLeast1_1(head.version)
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    private static func fault(in head: HTTPRequestHead) -> APIError? {
        let hosts = head.headers["Host"].count
        guard hosts == 1 || hosts == 0 && !isAtLeast1_1(head.version) else {
            return .malformed("a request has exactly one Host header")
        }
        let codings = head.headers["Transfer-Encoding"]
        if codings.isEmpty { return nil }
        guard codings.count == 1, codings[0].lowercased() == "chunked", isAtLeast1_1(head.version) else {
            return .malformed("Transfer-Encoding may be chunked alone, in HTTP/1.1")
        }
        return nil
    }

    private static func isAtLeast1_1(_ version: HTTPVersion) -> Bool {
        version.major > 1 || version.major == 1 && version.minor >= 1
    }
}

@available(*, unavailable)
extension RequestHeadHandler: Sendable {}
