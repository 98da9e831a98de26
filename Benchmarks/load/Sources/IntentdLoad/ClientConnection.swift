import NIOCore
import NIOHTTP1

/// One keep-alive HTTP/1.1 connection with one request at a time.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let host: String
    private let finished: (ClientConnection, Exchange, Outcome) -> Void
    private let closed: (ClientConnection) -> Void
    private var channel: (any Channel)?
    private var exchange: Exchange?
    private var status = 0
    private var engine: Double?
    private var body = ByteBuffer()

    /// Both closures are called on the event loop.
    init(
        host: String, finished: @escaping (ClientConnection, Exchange, Outcome) -> Void,
        closed: @escaping (ClientConnection) -> Void
    ) {
        self.host = host
        self.finished = finished
        self.closed = closed
    }

    func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

    /// Sends a request. On the event loop, with no other under way.
    func send(_ exchange: Exchange) {
        self.exchange = exchange
        let headers: HTTPHeaders = [
            "host": host, "content-type": "application/json", "content-length": "\(exchange.body.readableBytes)",
        ]
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/classify", headers: headers)
        channel?.write(HTTPClientRequestPart.head(head), promise: nil)
        channel?.write(HTTPClientRequestPart.body(.byteBuffer(exchange.body)), promise: nil)
        channel?.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
            engine = head.headers.first(name: "server-timing").map(Self.milliseconds)
            body.clear()
        case .body(var part): body.writeBuffer(&part)
        case .end: finish(.response(status: status, body: body, engine: engine))
        }
    }

    /// The sum of all durations of a `Server-Timing` header.
    private static func milliseconds(_ header: String) -> Double {
        header.split(separator: ",").reduce(0) { sum, metric in
            sum + (metric.split(separator: "=").last.flatMap { Double($0) } ?? 0)
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
