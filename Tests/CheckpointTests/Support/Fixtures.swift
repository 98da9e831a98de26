import FoundationEssentials

@testable import Checkpoint

/// Paths of the committed fixtures.
enum Fixtures {
    static let folder = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Fixtures"

    static func path(_ name: String) -> String { folder + "/" + name }

    static func json(_ name: String) throws -> JSONValue { try JSONFile.read(path(name)) }
}

/// The label of an enum case, for comparing errors by their kind: `headerTooLarge` of `headerTooLarge(path:bytes:)`.
func caseName(_ error: some Error) -> String {
    if let label = Mirror(reflecting: error).children.first?.label { return label }
    return "\(type(of: error)) without payload"
}
