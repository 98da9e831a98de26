import FoundationEssentials

@testable import Checkpoint

/// Paths of the committed fixtures.
enum Fixtures {
    static let folder = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/Fixtures"

    static func path(_ name: String) -> String { folder + "/" + name }

    static func json(_ name: String) throws -> JSONValue { try JSONFile.read(path(name)) }
}

/// A folder that is removed when the value goes.
final class TemporaryFolder {
    let path: String

    init() throws {
        let root = FileManager.default.temporaryDirectory.path
        path = (root.hasSuffix("/") ? root : root + "/") + "intentd-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path + "/" + name))) }

    func copy(_ source: String, as name: String) throws {
        try FileManager.default.copyItem(atPath: source, toPath: path + "/" + name)
    }

    /// Every name in the folder, also of hidden files.
    var names: [String] { FileSystem.names(in: path) }
}

/// The label of an enum case, for comparing errors by their kind: `headerTooLarge` of `headerTooLarge(path:bytes:)`.
func caseName(_ error: some Error) -> String {
    if let label = Mirror(reflecting: error).children.first?.label { return label }
    return "\(type(of: error)) without payload"
}
