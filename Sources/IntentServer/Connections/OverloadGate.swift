import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers a plain `POST /classify` of one message that admission would refuse, by the message's length alone.
///
/// Under overload most requests are refused, and what each costs is taken from the engine: here it is spared the HTTP
/// library, tasks and the split into tokens. Whatever is out of the ordinary, other faults of a request included, goes
/// the usual way (``ServiceRoutes``), which gives the same answer to what is refused.
struct OverloadGate: Sendable {
    let readiness: Readiness
    let authenticator: Authenticator?
    let limits: ServerLimits
    let log: AccessLog
    /// The value of the header `Server`; nil leaves it out.
    let serverName: String?

    private static let route = Route.classify
    private static let unusual = [
        "Content-Encoding", "Transfer-Encoding", "Expect", "Connection", HTTPField.Name.requestTimeout.rawName,
    ]

    /// True if a request with this head may be refused here, once its body is there.
    func takes(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .POST, head.uri == Self.route.path, head.version == .http1_1, readiness.isReady,
            let length = head.headers.first(name: "Content-Length").flatMap({ Int($0) }),
            length <= min(limits.bodyBytes, EventLoopExecutor.inlineBytes)
        else { return false }
        return head.headers.first(name: "Content-Type") ?? MediaType.json == MediaType.json
            && !Self.unusual.contains { head.headers.contains(name: $0) }
    }

    /// The answer to a request that is refused.
    /// - Returns: nil if it has to go the usual way.
    func refusal(
        _ head: HTTPRequestHead, body: ByteBuffer, arrival: ContinuousClock.Instant
    ) -> (head: HTTPResponseHead, body: ByteBuffer)? {
        guard let request = try? ClassifyRequest(body: body, maximumRows: limits.rows), request.timeout == nil,
            case .single(let text) = request.messages,
            authenticator?.accepts(authorization: head.headers.first(name: "Authorization")) ?? true,
            let retryAfter = try? readiness.classifier().refuseUnread(bytes: text.utf8.count, arrival: arrival)
        else { return nil }
        let id = RequestIdentifier.accepted(head.headers.first(name: HTTPField.Name.requestID.rawName))
            ?? RequestIdentifier.make()
        log.started()
        log.metrics.unanswered(.refused, messages: 1)
        let answer = answer(APIError(.overloaded(retryAfter: retryAfter)) { _ in "text" }, id)
        log.finished(
            id: id, route: Self.route.path, method: Self.route.method.rawValue, status: Int(answer.head.status.code),
            arrival: arrival)
        return answer
    }

    private func answer(_ error: APIError, _ id: String) -> (head: HTTPResponseHead, body: ByteBuffer) {
        let body = ErrorFormat.service.body(error, requestID: id)
        var fields = ErrorFormat.headers(error, requestID: id)
        fields[.contentLength] = String(body.readableBytes)
        ObservationMiddleware.addCommon(&fields)
        fields[.date] = HTTPDate.now()
        fields[.server] = serverName
        var headers = HTTPHeaders()
        headers.reserveCapacity(fields.count)
        for field in fields { headers.add(name: field.name.rawName, value: field.value) }
        let status = HTTPResponseStatus(statusCode: error.status.code)
        return (HTTPResponseHead(version: .http1_1, status: status, headers: headers), body)
    }
}
