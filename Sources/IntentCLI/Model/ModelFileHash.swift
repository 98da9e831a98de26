import Checkpoint
import Engine
import FileAccess
import FoundationEssentials

/// A model file and its content's hash.
struct ModelFileHash: Encodable, Equatable {
    var path: String
    var bytes: Int
    var sha256: String
    /// Whether `SHA256SUMS` beside it names this hash; nil if it names none.
    var matches: Bool?

    /// The files of the model's base and adapter, in order of their names; notices and the like too.
    static func all(of model: ModelDescription) throws -> [ModelFileHash] {
        var folders = [model.basePath]
        if let adapter = model.adapterPath, adapter != model.basePath { folders.append(adapter) }
        return try folders.flatMap(all(in:))
    }

    private static func all(in folder: String) throws -> [ModelFileHash] {
        let sums = sums(folder + "/SHA256SUMS")
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().compactMap { name in
            let path = folder + "/" + name
            var isDirectory = false
            guard name != "SHA256SUMS", FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
                !isDirectory
            else { return nil }
            let hash = try FileDigest.sha256(path: path)
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64 ?? 0
            return ModelFileHash(
                path: path, bytes: Int(clamping: size), sha256: hash, matches: sums[name].map { $0 == hash })
        }
    }

    /// Hashes by file name, in the format of `sha256sum`.
    private static func sums(_ path: String) -> [String: String] {
        guard let bytes = try? RegularFile.contents(path),
            let text = String(validating: bytes, as: UTF8.self)
        else { return [:] }
        let pairs = text.split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard parts.count == 2 else { return nil }
            return (String(parts[1].drop { $0 == " " || $0 == "*" }), String(parts[0]))
        }
        return Dictionary(pairs) { first, _ in first }
    }
}
