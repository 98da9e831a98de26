import NIOCore
import NIOHTTP1

/// Between the HTTP/1 parser and what is version-blind behind it: gives a request that does not keep its connection
/// alive (HTTP/1.0, or `Connection: Close` in any spelling) the plain `Connection: close` that the server looks for.
final class KeepAliveHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// True if the last request may be sent informational answers, which HTTP/1.0 does not know.
    private(set) var allowsInformational = true

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        allowsInformational = head.version.major > 1 || (head.version.major == 1 && head.version.minor >= 1)
        if !head.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}

@available(*, unavailable)
extension KeepAliveHandler: Sendable {}
