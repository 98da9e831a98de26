import NIOCore

/// First in a connection's pipeline behind TLS: tells the guard that bytes came in before they are parsed, so that a
/// head that is dribbled is seen to have begun.
final class ActivityHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    let connection: ClientConnection
    /// Set by the guard on the same event loop.
    var onBytes: () -> Void = {}

    init(connection: ClientConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        onBytes()
        context.fireChannelRead(data)
    }
}

@available(*, unavailable)
extension ActivityHandler: Sendable {}
