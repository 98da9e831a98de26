/// The document at `/openapi.json`: OpenAPI 3.1, checked in tests against the list of routes, and against the running
/// server by a contract test.
enum OpenAPIDocument {
    /// The document with the limits in force.
    static func text(limits: ServerLimits) -> String {
        """
        {
        "openapi": "3.1.0",
        "info": {
          "title": "intentd",
          "version": "\(IntentdVersion.current)",
          "summary": "Turns a customer's message into a banking intent.",
          "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
          "description": \(description(limits))
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {}],
        "paths": {
        \(paths.joined(separator: ",\n"))
        },
        "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer",
          "description": "Asked for if the server was started with --auth-tokens-file; health endpoints are open."}},
        "parameters": {
        \(parameters)
        },
        "responses": {
        \(responses.joined(separator: ",\n"))
        },
        "schemas": {
        \(schemas(limits).joined(separator: ",\n"))
        }
        }
        }

        """
    }

    private static func description(_ limits: ServerLimits) -> String {
        let text = [
            "Bodies are JSON in UTF-8, plain or with Content-Encoding: gzip, of at most \(limits.bodyBytes) bytes,",
            "unpacked too. Answers are packed if the client accepts gzip. A message longer than the model reads is",
            "cut, and the answer says so. A request is answered within the service's latency bound or refused at once",
            "with 429 and Retry-After. Every answer carries X-Request-Id, the client's own if it sent one.",
        ].joined(separator: " ")
        return "\"\(text)\""
    }
}
