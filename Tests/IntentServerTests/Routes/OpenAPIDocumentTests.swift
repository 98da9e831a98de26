import Checkpoint
import HTTPTypes
import HummingbirdTesting
import Testing

@testable import IntentServer

/// The document names every route and nothing else, and holds together.
struct OpenAPIDocumentTests {
    private let document: JSONValue.Object

    init() throws {
        document = try #require(try JSONValue(parsing: Array(OpenAPIDocument.text(limits: ServerLimits()).utf8)).object)
    }

    @Test func routesAreTheDocuments() throws {
        let documented = try #require(document["paths"]?.object).members.flatMap { path, item in
            item.object?.members.map { "\($0.name.uppercased()) \(path)" } ?? []
        }
        #expect(Set(documented) == Set(Route.allCases.map { "\($0.method.rawValue) \($0.path)" }))
        #expect(documented.count == Route.allCases.count)
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        var references: [String] = []
        collect(.object(document), &references)
        #expect(references.count > 100)
        for reference in references {
            var place: JSONValue? = .object(document)
            for part in reference.split(separator: "/").dropFirst() { place = place?.object?[String(part)] }
            #expect(place != nil, "\(reference)")
        }
    }

    @Test func openRoutesAreMarked() throws {
        for route in Route.allCases {
            let operation = document["paths"]?.object?[route.path]?.object?[route.method.rawValue.lowercased()]?.object
            #expect((operation?["security"]?.array?.isEmpty ?? false) == route.isOpen, "\(route.path)")
            #expect((operation?["responses"]?.object?["401"] == nil) == route.isOpen, "\(route.path)")
        }
    }

    @Test func everyErrorStatusIsDescribed() throws {
        let responses = try #require(document["components"]?.object?["responses"]?.object)
        for code in APIError.Code.allCases where code != .methodNotAllowed {
            #expect(responses["Error\(code.status.code)"] != nil, "\(code)")
        }
    }

    /// The connection answers what has no head in one format, whatever the path would have been.
    @Test(arguments: ["InferError", "PredictError"]) func answersWithoutAPathAreDescribed(family: String) async throws {
        let responses = try #require(document["components"]?.object?["responses"]?.object)
        for status in ["400", "408", "431"] {
            var references: [String] = []
            let content = try #require(responses[family + status]?.object?["content"])
            collect(content, &references)
            #expect(references.contains("#/components/schemas/Error"), "\(status)")
            #expect(references.contains("#/components/schemas/" + family) == (status != "431"), "\(status)")
        }
        try await TestService().live { client in
            let socket = try RawSocket(port: try #require(client.port))
            try socket.send("GET /v2 HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("HTTP/1.1 431") && answer.contains(#"{"error":{"code":"headers_too_large""#))
        }
    }

    @Test func isServed() async throws {
        try await TestService().routed { client in
            let response = try await client.get("/openapi.json")
            #expect(response.headers[.contentType] == "application/json")
            #expect(try response.json().object?["openapi"]?.string == "3.1.0")
        }
    }

    private func collect(_ value: JSONValue, _ references: inout [String]) {
        switch value {
        case .object(let object):
            for (name, member) in object.members {
                if name == "$ref", let target = member.string { references.append(target) } else {
                    collect(member, &references)
                }
            }
        case .array(let elements): for element in elements { collect(element, &references) }
        default: break
        }
    }
}
