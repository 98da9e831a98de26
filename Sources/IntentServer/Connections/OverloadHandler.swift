import NIOCore
import NIOHTTP1

/// Holds a request until it is whole, and lets ``OverloadGate`` answer it, if that refuses it.
///
/// Only requests that arrive in one read are held, and only while no answer is owed, so that no order and no time limit
/// of the connection is touched: what is not whole when a read ends is passed on as if it had never been held.
final class OverloadHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Held {
        let head: HTTPRequestHead
        let arrival: ContinuousClock.Instant
        var body: ByteBuffer?
    }

    private let gate: OverloadGate
    /// Whether no answer is owed on this connection.
    private let isIdle: () -> Bool
    /// Told of each answer, with the promise that it was taken.
    private let answered: (EventLoopPromise<Void>) -> Void
    private var held: Held?

    /// Both closures are called on the event loop.
    init(gate: OverloadGate, isIdle: @escaping () -> Bool, answered: @escaping (EventLoopPromise<Void>) -> Void) {
        self.gate = gate
        self.isIdle = isIdle
        self.answered = answered
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        // A client that takes no answers is slowed by the usual way, which stops reading.
        case .head(let head) where isIdle() && context.channel.isWritable && gate.takes(head):
            held = Held(head: head, arrival: .now)
            return
        case .body(var bytes) where held != nil:
            if held?.body?.writeBuffer(&bytes) == nil { held?.body = bytes }
            return
        case .end(nil):
            if let held, let refusal = gate.refusal(held.head, body: held.body ?? ByteBuffer(), arrival: held.arrival) {
                self.held = nil
                return answer(refusal, context)
            }
        default: break
        }
        passOn(context)
        context.fireChannelRead(data)
    }

    private func answer(_ refusal: (head: HTTPResponseHead, body: ByteBuffer), _ context: ChannelHandlerContext) {
        let taken = context.eventLoop.makePromise(of: Void.self)
        answered(taken)
        context.write(wrapOutboundOut(.head(refusal.head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(refusal.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: taken)
    }

    /// Whatever comes next, what is held goes before it.
    private func passOn(_ context: ChannelHandlerContext) {
        guard let held else { return }
        self.held = nil
        context.fireChannelRead(wrapInboundOut(.head(held.head)))
        if let body = held.body { context.fireChannelRead(wrapInboundOut(.body(body))) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        passOn(context)
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        passOn(context)
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        passOn(context)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        passOn(context)
        context.fireChannelInactive()
    }
}

@available(*, unavailable)
extension OverloadHandler: Sendable {}
