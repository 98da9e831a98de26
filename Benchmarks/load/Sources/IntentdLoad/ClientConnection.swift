import NIOCore

/// One keep-alive HTTP/1.1 connection with one request at a time.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The head of every request, up to the value of its last header, `Content-Length`.
    private let head: String
    private let finished: (ClientConnection, Exchange, Outcome) -> Void
    private let closed: (ClientConnection) -> Void
    private var channel: (any Channel)?
    private var exchange: Exchange?
    private var answers = AnswerReader()

    /// Both closures are called on the event loop.
    init(
        host: String, finished: @escaping (ClientConnection, Exchange, Outcome) -> Void,
        closed: @escaping (ClientConnection) -> Void
    ) {
        head = "POST /classify HTTP/1.1\r\nhost: \(host)\r\ncontent-type: application/json\r\ncontent-length: "
        self.finished = finished
        self.closed = closed
    }

    func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

    /// Sends a request. On the event loop, with no other under way.
    func send(_ exchange: Exchange) {
        self.exchange = exchange
        guard let channel else { return }
        let length = exchange.body.readableBytes
        var request = channel.allocator.buffer(capacity: head.utf8.count + 16 + length)
        request.writeString(head)
        request.writeString(String(length))
        request.writeStaticString("\r\n\r\n")
        request.writeImmutableBuffer(exchange.body)
        channel.writeAndFlush(request, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        answers.add(&bytes)
        do {
            while let answer = try answers.next() {
                finish(.response(status: answer.status, body: answer.body, engine: answer.engine))
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failed)
        closed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func finish(_ outcome: Outcome) {
        guard let exchange else { return }
        self.exchange = nil
        finished(self, exchange, outcome)
    }
}
