extension OpenAPIDocument {
    /// The operations, one string a path.
    static let paths: [String] = [
        get("/", id: "page", tag: "Documents", "A page to try a message on.",
            content: #""text/html": {"schema": {"type": "string"}}"#, errors: common),
        get("/openapi.json", id: "openapi", tag: "Documents", "This document.",
            content: #""application/json": {"schema": {"type": "object"}}"#, errors: common),
        get("/metrics", id: "metrics", tag: "Operation", "Prometheus metrics in the text format.",
            content: #""text/plain": {"schema": {"type": "string"}}"#, errors: common),
        get("/labels", id: "labels", tag: "Classification", "The intents that the model knows.",
            content: json("Labels"), errors: common + ["503"]),
        get("/livez", id: "livez", tag: "Health", "The process is alive.", content: json("Status"), errors: openCommon,
            isOpen: true),
        get("/readyz", id: "readyz", tag: "Health",
            "The model answered its self-test, and the service is not shutting down.", content: json("Status"),
            errors: openCommon + ["503"], isOpen: true),
        get("/healthz", id: "healthz", tag: "Health", "The same as /readyz.", content: json("Status"),
            errors: openCommon + ["503"], isOpen: true),
        post("/classify", id: "classify", tag: "Classification", "The intent of one message, or of several in order.",
             body: "ClassifyRequest", content: json("ClassifyResponse"), errors: classifying, family: "Error"),
        post("/predict", id: "predict", tag: "text-embeddings-inference",
             "Every intent with its score, best first, as text-embeddings-inference answers.",
             body: "PredictRequest", content: json("PredictResponse"), errors: classifying, family: "PredictError"),
        get("/v2", id: "inferServer", tag: "Open Inference Protocol", "The server's metadata.",
            content: json("InferServer"), errors: common, family: "InferError"),
        get("/v2/health/live", id: "inferLive", tag: "Open Inference Protocol", "The process is alive.",
            content: json("InferLive"), errors: openCommon, family: "InferError", isOpen: true),
        get("/v2/health/ready", id: "inferReady", tag: "Open Inference Protocol", "The service is ready.",
            content: json("InferReady"), errors: openCommon + ["503"], family: "InferError", isOpen: true),
        get("/v2/models/{name}", id: "inferModel", tag: "Open Inference Protocol", "The model's metadata.",
            content: json("InferModel"), errors: common + ["404", "503"], family: "InferError", parameters: [name]),
        get("/v2/models/{name}/ready", id: "inferModelReady", tag: "Open Inference Protocol", "The model is ready.",
            content: json("InferModelReady"), errors: common + ["404", "503"], family: "InferError",
            parameters: [name]),
        get("/v2/models/{name}/versions/{version}", id: "inferVersion", tag: "Open Inference Protocol",
            "The metadata of one version of the model.", content: json("InferModel"),
            errors: common + ["404", "503"], family: "InferError", parameters: [name, version]),
        get("/v2/models/{name}/versions/{version}/ready", id: "inferVersionReady", tag: "Open Inference Protocol",
            "One version of the model is ready.", content: json("InferModelReady"),
            errors: common + ["404", "503"], family: "InferError", parameters: [name, version]),
        post("/v2/models/{name}/infer", id: "infer", tag: "Open Inference Protocol", inferSummary,
             body: "InferRequest", content: json("InferResponse"), errors: classifying + ["404"],
             family: "InferError", parameters: [name]),
        post("/v2/models/{name}/versions/{version}/infer", id: "inferVersioned", tag: "Open Inference Protocol",
             inferSummary, body: "InferRequest", content: json("InferResponse"), errors: classifying + ["404"],
             family: "InferError", parameters: [name, version]),
    ]

    /// What can happen to any request, and to one without authentication.
    private static let openCommon = ["400", "408", "431", "500"]
    private static let common = openCommon + ["401"]
    private static let classifying = common + ["413", "415", "422", "429", "499", "503", "504"]

    private static let name = ##"{"$ref": "#/components/parameters/ModelName"}"##
    private static let version = ##"{"$ref": "#/components/parameters/ModelVersion"}"##
    private static let requestID = ##"{"$ref": "#/components/parameters/RequestID"}"##
    private static let timeout = ##"{"$ref": "#/components/parameters/RequestTimeout"}"##
    private static let inferSummary = "Labels and probabilities of messages. Triton's binary tensor extension is "
        + "understood for the input (header Inference-Header-Content-Length); the answer is JSON."

    static let parameters = #"""
        "ModelName": {"name": "name", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
          "description": "The name that GET /labels gives."},
        "ModelVersion": {"name": "version", "in": "path", "required": true,
          "schema": {"type": "string", "minLength": 1}, "description": "The version that GET /labels gives."},
        "RequestID": {"name": "X-Request-Id", "in": "header", "required": false,
          "schema": {"type": "string"},
          "description": "Names the request, if it is 1 to 128 of A-Z a-z 0-9 -_.:/=+; one is made up otherwise."},
        "RequestTimeout": {"name": "X-Request-Timeout-Ms", "in": "header", "required": false,
          "schema": {"type": "integer", "minimum": 1, "maximum": 600000},
          "description": "Milliseconds that the client waits; it can only shorten the latency bound."}
        """#

    private static func json(_ schema: String) -> String {
        ##""application/json": {"schema": {"$ref": "#/components/schemas/\##(schema)"}}"##
    }

    private static func get(
        _ path: String, id: String, tag: String, _ summary: String, content: String, errors: [String],
        family: String = "Error", parameters: [String] = [], isOpen: Bool = false
    ) -> String {
        let operation = operation(
            id, tag, summary, body: nil, content: content, errors: errors, family: family,
            parameters: parameters + [requestID], isOpen: isOpen)
        return "\"\(path)\": {\"get\": \(operation)}"
    }

    private static func post(
        _ path: String, id: String, tag: String, _ summary: String, body: String, content: String, errors: [String],
        family: String, parameters: [String] = []
    ) -> String {
        let operation = operation(
            id, tag, summary, body: body, content: content, errors: errors, family: family,
            parameters: parameters + [requestID, timeout], isOpen: false)
        return "\"\(path)\": {\"post\": \(operation)}"
    }

    private static func operation(
        _ id: String, _ tag: String, _ summary: String, body: String?, content: String, errors: [String],
        family: String, parameters: [String], isOpen: Bool
    ) -> String {
        var members = [
            "\"operationId\": \"\(id)\"", "\"tags\": [\"\(tag)\"]", "\"summary\": \"\(summary)\"",
            "\"parameters\": [\(parameters.joined(separator: ", "))]",
        ]
        if isOpen { members.append("\"security\": []") }
        if let body { members.append("\"requestBody\": {\"required\": true, \"content\": {\(json(body))}}") }
        let headers = body == nil ? requestIDHeader : requestIDHeader + ", " + timingHeader
        let ok = "\"200\": {\"description\": \"OK\", \"headers\": {\(headers)}, \"content\": {\(content)}}"
        let failures = errors.sorted().map {
            ##""\##($0)": {"$ref": "#/components/responses/\##(family)\##($0)"}"##
        }
        members.append("\"responses\": {\(([ok] + failures).joined(separator: ", "))}")
        return "{" + members.joined(separator: ",\n  ") + "}"
    }

    private static let requestIDHeader = #""X-Request-Id": {"schema": {"type": "string"}}"#

    private static let timingHeader =
        #""Server-Timing": {"schema": {"type": "string"}, "description": "Milliseconds: the longest wait for the "#
        + #"engine among the messages, and the longest batch.", "example": "queue;dur=0.1, compute;dur=9.7"}"#

    /// One response a status and error format.
    static let responses: [String] = ["Error", "InferError", "PredictError"].flatMap { family in
        failures.map { status, description in
            var headers = requestIDHeader
            if status == "429" || status == "503" {
                headers += #", "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}"#
            }
            if status == "401" { headers += #", "WWW-Authenticate": {"schema": {"type": "string"}}"# }
            return "\"\(family)\(status)\": {\"description\": \"\(description)\", \"headers\": {\(headers)}, "
                + "\"content\": {\(content(family, status))}}"
        }
    }

    /// The format of an answer's body. Where the request's head was not read, nobody knows the path: the connection
    /// answers in the service's own.
    private static func content(_ family: String, _ status: String) -> String {
        switch status {
        case "431": return json("Error")
        case "400" where family != "Error", "408" where family != "Error":
            let formats = [family, "Error"].map { ##"{"$ref": "#/components/schemas/\##($0)"}"## }
            return ##""application/json": {"schema": {"oneOf": [\##(formats.joined(separator: ", "))]}}"##
        default: return json(family)
        }
    }

    private static let failures: [(String, String)] = [
        ("400", "Malformed: not HTTP, not JSON, not UTF-8, not gzip."),
        ("401", "A token is missing or not known."),
        ("404", "There is no such resource or model."),
        ("408", "The request did not arrive in time."),
        ("413", "The body, its unpacked form, or the number of messages or tokens is over a limit."),
        ("415", "The media type, charset or content encoding is not one that is read."),
        ("422", "A value is wrong, missing, or not known; the message names the field."),
        ("429", "Refused by admission: the answer would be late. Retry-After says when to try again."),
        ("431", "The request's head is too large."),
        ("499", "The client closed the connection; seen in logs and metrics only."),
        ("500", "A fault of the service."),
        ("503", "The model is being loaded, or the service is shutting down."),
        ("504", "The deadline passed, or cannot be met."),
    ]
}
