import HTTPTypes

/// Every route of the service: the one list that the router, the 405 answers, authentication, metrics and the tests of
/// the OpenAPI document go by.
enum Route: CaseIterable, Sendable {
    case page, classify, labels, openAPI, metrics
    case live, ready, health
    case inferServer, inferLive, inferReady
    case inferModel, inferModelReady, infer
    case inferVersion, inferVersionReady, inferVersioned
    case predict

    var method: HTTPRequest.Method {
        switch self {
        case .classify, .infer, .inferVersioned, .predict: .post
        default: .get
        }
    }

    /// The pattern; parameters stand in braces.
    var path: String {
        switch self {
        case .page: "/"
        case .classify: "/classify"
        case .labels: "/labels"
        case .openAPI: "/openapi.json"
        case .metrics: "/metrics"
        case .live: "/livez"
        case .ready: "/readyz"
        case .health: "/healthz"
        case .inferServer: "/v2"
        case .inferLive: "/v2/health/live"
        case .inferReady: "/v2/health/ready"
        case .inferModel: "/v2/models/{name}"
        case .inferModelReady: "/v2/models/{name}/ready"
        case .infer: "/v2/models/{name}/infer"
        case .inferVersion: "/v2/models/{name}/versions/{version}"
        case .inferVersionReady: "/v2/models/{name}/versions/{version}/ready"
        case .inferVersioned: "/v2/models/{name}/versions/{version}/infer"
        case .predict: "/predict"
        }
    }

    /// True for what answers without a token when authentication is on: health, and nothing else.
    var isOpen: Bool {
        switch self {
        case .live, .ready, .health, .inferLive, .inferReady: true
        default: false
        }
    }

    /// Methods that the path takes; the library answers HEAD for each GET.
    var allowedMethods: [HTTPRequest.Method] { method == .get ? [.get, .head] : [method] }
}
