import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Watches one connection's requests and answers, and cuts it when a client keeps it waiting; see ``ConnectionTimer``.
///
/// It also does what the HTTP library leaves out: `Expect: 100-continue`, closing after an answer that says
/// `Connection: close`, a body for the answer to a malformed request, and finding out whether a client that has closed
/// its sending side is still there.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A request's body did not arrive in time; its handler is told by this error.
    struct BodyTimeout: Error {}

    private let gate: OverloadGate?
    private let limits: ServerLimits
    private let metrics: ServiceMetrics
    private let bodyLimit: Int
    private var timer: ConnectionTimer
    private var scheduled: (task: Scheduled<Void>, deadline: NIODeadline)?
    private var connection: ClientConnection?
    private var heads: RequestHeadHandler?
    private var closesAfterResponse = false
    private var startedResponse = false
    private var malformed: APIError?
    private var isOpen = false

    /// - Parameter gate: answers requests before they come here; nil has none answered.
    init(limits: ServerLimits, metrics: ServiceMetrics, gate: OverloadGate? = nil) {
        self.gate = gate
        self.limits = limits
        self.metrics = metrics
        bodyLimit = limits.bodyBytes
        timer = ConnectionTimer(limits: limits, opened: .now())
    }

    // MARK: life

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let activity = try? pipeline.handler(type: ActivityHandler.self) {
            connection = activity.connection
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            activity.onBytes = {
                let (handler, context) = bound.value
                handler.timer.bytesArrived(at: .now())
                handler.schedule(context)
            }
        }
        if let codec = try? pipeline.context(handlerType: HTTP1ToHTTPServerCodec.self) {
            let handler = RequestHeadHandler()
            try? pipeline.addHandler(handler, position: .before(codec.handler))
            heads = handler
            if let gate { try? pipeline.addHandler(overloadHandler(gate, context), position: .after(handler)) }
        }
        isOpen = true
        metrics.connectionOpened()
        schedule(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        scheduled?.task.cancel()
        scheduled = nil
        connection?.closed()
        if isOpen { metrics.connectionClosed() }
        isOpen = false
    }

    private func overloadHandler(_ gate: OverloadGate, _ context: ChannelHandlerContext) -> OverloadHandler {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        return OverloadHandler(
            gate: gate, isIdle: { bound.value.handler.timer.isIdle },
            answered: { taken in
                let (handler, context) = bound.value
                let now = NIODeadline.now()
                handler.timer.headRead(at: now)
                handler.timer.requestEnded(at: now)
                handler.responseEnded(at: now, taken, context)
            })
    }

    // MARK: requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            timer.headRead(at: .now())
            startedResponse = false
            answerExpectation(head, context)
        case .body(let bytes):
            if timer.bodyRead(bytes: bytes.readableBytes) { return cut(.slowBody, context) }
        case .end:
            timer.requestEnded(at: .now())
        }
        schedule(context)
        context.fireChannelRead(data)
    }

    /// A client that asks first is told to go on, unless its body is going to be refused anyway.
    private func answerExpectation(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        guard let expectation = head.headerFields[.expect], expectation.lowercased() == "100-continue",
            heads?.allowsInformational ?? true,
            head.headerFields[.contentLength].flatMap({ Int($0) }) ?? 0 <= bodyLimit
        else { return }
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { probe(context) }
        context.fireUserInboundEventTriggered(event)
    }

    /// The client closed its sending side. It may still be waiting for its answer, or be gone: the two look alike until
    /// something is sent. An informational answer is what HTTP/1.1 allows at any time (RFC 9110, section 15.2): a
    /// client that is there skips it, one that is gone resets the connection, which cancels the request.
    private func probe(_ context: ChannelHandlerContext) {
        guard timer.isAnswering, !startedResponse, heads?.allowsInformational ?? false else { return }
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? HTTPParserError {
            metrics.connectionCut(.malformed)
            malformed = error == .headerOverflow
                ? APIError(
                    code: .headersTooLarge, message: "the request's head is larger than \(limits.headerBytes) bytes")
                : heads?.refusal ?? .malformed("this is not a valid HTTP/1.1 request")
        }
        context.fireErrorCaught(error)
    }

    // MARK: answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            guard head.status.kind != .informational else { break }
            startedResponse = true
            if head.headerFields[.connection] == "close" { closesAfterResponse = true }
            if let malformed, head.status == .badRequest, head.headerFields[.contentLength] == "0" {
                // The library's own answer to what it could not parse has no body.
                return explain(malformed, context, promise)
            }
        case .body: break
        case .end:
            return end(of: data, context, promise)
        }
        context.write(data, promise: promise)
    }

    private func end(of data: NIOAny, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let taken = promise ?? context.eventLoop.makePromise()
        responseEnded(at: .now(), taken, context)
        context.write(data, promise: taken)
    }

    /// An answer's last part is handed to the socket; the promise says when it was taken.
    private func responseEnded(
        at now: NIODeadline, _ taken: EventLoopPromise<Void>, _ context: ChannelHandlerContext
    ) {
        timer.responseEnded(at: now)
        schedule(context)
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let closes = closesAfterResponse
        taken.futureResult.whenSuccess {
            let (handler, context) = bound.value
            handler.timer.responseTaken()
            if closes {
                context.close(mode: .output, promise: nil)
                handler.timer.outputClosed(at: .now())
            }
            handler.schedule(context)
        }
    }

    private func explain(_ error: APIError, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let (head, body) = Self.parts(error)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if case .output = mode {
            timer.outputClosed(at: .now())
            schedule(context)
        }
        context.close(mode: mode, promise: promise)
    }

    // MARK: time

    private func schedule(_ context: ChannelHandlerContext) {
        guard let deadline = timer.deadline, isOpen else { return }
        // A timer that fires too early asks again; only an earlier deadline needs a new one.
        if let scheduled, scheduled.deadline <= deadline { return }
        scheduled?.task.cancel()
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(deadline: deadline) {
            let (handler, context) = bound.value
            handler.fired(context)
        }
        scheduled = (task, deadline)
    }

    private func fired(_ context: ChannelHandlerContext) {
        scheduled = nil
        switch timer.expired(at: .now()) {
        case nil: break
        case .refuseHead: refuseHead(context)
        case .failBody:
            metrics.connectionCut(.slowBody)
            context.fireErrorCaught(BodyTimeout())
        case .close(let reason): return cut(reason, context)
        }
        schedule(context)
    }

    private func refuseHead(_ context: ChannelHandlerContext) {
        metrics.connectionCut(.slowHead)
        let error = APIError(code: .requestTimeout, message: "the request's head did not arrive in time")
        let (head, body) = Self.parts(error)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
        timer.outputClosed(at: .now())
    }

    private func cut(_ reason: ConnectionRefusal?, _ context: ChannelHandlerContext) {
        if let reason { metrics.connectionCut(reason) }
        context.close(promise: nil)
    }

    /// An answer that ends the connection, in the service's error format.
    private static func parts(_ error: APIError) -> (HTTPResponse, ByteBuffer) {
        let id = RequestIdentifier.make()
        let body = ErrorFormat.service.body(error, requestID: id)
        var headers = ErrorFormat.headers(error, requestID: id)
        headers[.connection] = "close"
        headers[.contentLength] = String(body.readableBytes)
        return (HTTPResponse(status: error.status, headerFields: headers), body)
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}
