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
