import Foundation

/// A folder that goes away with this value.
final class TemporaryFolder {
    private let root: URL

    init() throws {
        root = URL(filePath: NSTemporaryDirectory()).appending(path: "intentd-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    }

    var path: String { root.path }

    func url(_ name: String) -> URL { root.appending(path: name) }

    deinit { try? FileManager.default.removeItem(at: root) }
}
