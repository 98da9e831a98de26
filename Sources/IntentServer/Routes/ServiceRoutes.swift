import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The routes' handlers, and the router over them.
struct ServiceRoutes: Sendable {
    let readiness: Readiness
    let metrics: ServiceMetrics
    let limits: ServerLimits
    private let bodies: BodyReader
    private let classification: ClassificationHandler
    private let openAPI: ByteBuffer
    private let page: ByteBuffer

    init(readiness: Readiness, metrics: ServiceMetrics, limits: ServerLimits) {
        self.readiness = readiness
        self.metrics = metrics
        self.limits = limits
        bodies = BodyReader(limits: limits)
        classification = ClassificationHandler(readiness: readiness, metrics: metrics)
        openAPI = ByteBuffer(string: OpenAPIDocument.text(limits: limits))
        page = ByteBuffer(string: TryPage.html)
    }

    /// The router with everything that surrounds the handlers.
    func router(authenticator: Authenticator?, logger: Logger) -> Router<ServiceContext> {
        let router = Router(context: ServiceContext.self, options: .autoGenerateHeadEndpoints)
        let log = AccessLog(metrics: metrics, logger: logger)
        router.add(middleware: ObservationMiddleware(log: log, readiness: readiness))
        router.add(middleware: CompressionMiddleware())
        router.add(middleware: ErrorMiddleware(logger: logger))
        if let authenticator { router.add(middleware: AuthenticationMiddleware(authenticator: authenticator)) }
        for route in Route.allCases {
            router.on(RouterPath(route.path), method: route.method) { request, context in
                try await respond(to: route, request, context)
            }
        }
        return router
    }

    /// What refuses under overload before the router is asked.
    func gate(authenticator: Authenticator?, logger: Logger, serverName: String?) -> OverloadGate {
        OverloadGate(
            readiness: readiness, authenticator: authenticator, limits: limits,
            log: AccessLog(metrics: metrics, logger: logger), serverName: serverName)
    }

    private func respond(to route: Route, _ request: Request, _ context: ServiceContext) async throws -> Response {
        switch route {
        case .page: return pageResponse()
        case .classify: return try await classify(request, context)
        case .labels: return try labels()
        case .openAPI: return Self.json(openAPI)
        case .metrics: return exposition()
        case .live: return status("alive")
        case .ready, .health: return try ready()
        case .inferServer: return Self.json(InferResponse.server())
        case .inferLive: return Self.json(Self.flag("live", true))
        case .inferReady: return Self.json(Self.flag("ready", try isReady()))
        case .inferModel, .inferVersion: return Self.json(InferResponse.model(try model(context)))
        case .inferModelReady, .inferVersionReady: return try modelReady(context)
        case .infer, .inferVersioned: return try await infer(request, context)
        case .predict: return try await predict(request, context)
        }
    }

    // MARK: classification

    private func classify(_ request: Request, _ context: ServiceContext) async throws -> Response {
        try await bodies.withBody(of: request) { body in
            let wanted = try ClassifyRequest(body: body, maximumRows: limits.rows)
            let messages = wanted.messages
            let verdicts = try await classification.verdicts(
                messages.texts, threshold: wanted.threshold, timeout: wanted.timeout, request: request,
                context: context, field: { messages.field($0) })
            var isSingle = false
            if case .single = messages { isSingle = true }
            return Self.json(ClassifyResponse.body(verdicts, single: isSingle, topK: wanted.topK))
        }
    }

    private func infer(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try model(context)
        var headerLength: Int?
        if let header = request.headers[.inferenceHeaderLength] {
            guard let length = Int(header) else {
                throw APIError.malformed("Inference-Header-Content-Length must be a number")
            }
            headerLength = length
        }
        let accepts = headerLength == nil ? [MediaType.json] : [MediaType.json, MediaType.octets]
        return try await bodies.withBody(of: request, accepts: accepts) { body in
            let wanted = try InferRequest(body: body, headerLength: headerLength, maximumRows: limits.rows)
            let verdicts = try await classification.verdicts(
                wanted.texts, request: request, context: context, field: { wanted.field($0) })
            return Self.json(InferResponse.body(verdicts, wanted))
        }
    }

    private func predict(_ request: Request, _ context: ServiceContext) async throws -> Response {
        try await bodies.withBody(of: request) { body in
            let wanted = try PredictRequest(body: body, maximumRows: limits.rows)
            let verdicts = try await classification.verdicts(
                wanted.texts, request: request, context: context, field: { wanted.field($0) })
            if !wanted.truncate, let index = verdicts.firstIndex(where: { $0.answer.truncated }) {
                throw APIError(
                    code: .tooLarge,
                    message: "\(wanted.field(index)) has more than \(verdicts[index].answer.tokens) tokens; "
                        + "send truncate: true to have the rest left out")
            }
            return Self.json(PredictResponse.body(verdicts, wanted))
        }
    }

    // MARK: documents

    private func labels() throws(APIError) -> Response {
        let model = try readiness.model()
        var json = JSONWriter(capacity: 4096)
        json.object { json in
            json.name("labels")
            json.array(of: model.labels) { $0.value($1) }
            json.name("model")
            ClassifyResponse.identity(model.identity, &json)
        }
        return Self.json(json.buffer)
    }

    private func pageResponse() -> Response {
        Response(
            status: .ok,
            headers: [.contentType: MediaType.html, .contentSecurityPolicy: TryPage.contentSecurityPolicy,
                      .referrerPolicy: "no-referrer", .frameOptions: "DENY"],
            body: ResponseBody(byteBuffer: page))
    }

    private func exposition() -> Response {
        Response(
            status: .ok, headers: [.contentType: ExpositionText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.registry.exposition())))
    }

    // MARK: health

    private func isReady() throws(APIError) -> Bool {
        switch readiness.phase {
        case .ready: return true
        case .starting: throw .starting
        case .draining: throw .draining
        }
    }

    private func ready() throws(APIError) -> Response {
        _ = try isReady()
        return status("ready")
    }

    private func status(_ status: String) -> Response {
        var json = JSONWriter()
        json.object { json in
            json.member("status", status)
            json.member("version", IntentdVersion.current)
        }
        return Self.json(json.buffer)
    }

    // MARK: Open Inference Protocol

    /// The model that the path names.
    /// - Throws: 404 if it is not the one in service.
    private func model(_ context: ServiceContext) throws(APIError) -> ModelSummary {
        let model = try readiness.model()
        guard context.parameters.get("name") == model.identity.name else {
            throw .notFound("there is no such model; GET /labels names the one in service")
        }
        if let version = context.parameters.get("version"), version != model.identity.version {
            throw .notFound("there is no such version of the model; GET /labels names the one in service")
        }
        return model
    }

    private func modelReady(_ context: ServiceContext) throws(APIError) -> Response {
        let name = try model(context).identity.name
        _ = try isReady()
        var json = JSONWriter()
        json.object { json in
            json.member("name", name)
            json.member("ready", true)
        }
        return Self.json(json.buffer)
    }

    private static func flag(_ name: String, _ value: Bool) -> ByteBuffer {
        var json = JSONWriter()
        json.object { $0.member(name, value) }
        return json.buffer
    }

    static func json(_ body: ByteBuffer) -> Response {
        Response(
            status: .ok, headers: [.contentType: MediaType.json], body: ResponseBody(byteBuffer: body))
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let frameOptions = HTTPField.Name("X-Frame-Options")!
}
