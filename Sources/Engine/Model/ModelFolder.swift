import Checkpoint
import FoundationEssentials

/// Which files a model is made of.
///
/// Three kinds of folder are accepted: intentd's own (`base/` and one or more adapters), a PEFT adapter beside or above
/// its base, and a plain transformers folder with a head.
public struct ModelFolder: Sendable, Equatable {
    /// The folder as the caller named it.
    public let path: String
    /// The base checkpoint.
    public let base: String
    /// The PEFT adapter; nil for a model that is already merged.
    public let adapter: String?

    /// Which adapter to use.
    public enum AdapterChoice: Sendable, Equatable {
        /// The folder's own: `adapter/`, or the folder itself if it is an adapter, or none if it has none.
        case standard
        /// `adapter-NAME/` in the model folder, or any other folder with an adapter.
        case named(String)
        /// No adapter, even if there is one.
        case none
    }

    /// Finds the parts of the model at `path`.
    /// - Parameter base: the base checkpoint, when it is not where the folder says.
    /// - Throws: `EngineError.invalidFile` saying what is missing and what to do.
    public init(path: String, adapter choice: AdapterChoice = .standard, base: String? = nil) throws(EngineError) {
        self.path = path
        guard Self.isFolder(path) else {
            throw .invalidFile(path: path, reason: "no such folder; name a model with --model")
        }
        let own = Self.exists(path + "/adapter_config.json") ? path
            : Self.exists(path + "/adapter/adapter_config.json") ? path + "/adapter" : nil
        switch choice {
        case .standard: adapter = own
        case .none: adapter = nil
        case .named(let name):
            let candidates = [path + "/adapter-" + name, path + "/" + name, name]
            guard let found = candidates.first(where: { Self.exists($0 + "/adapter_config.json") }) else {
                throw .invalidFile(
                    path: name, reason: "no adapter here: neither \(candidates[0]) nor \(name) has an adapter_config.json")
            }
            adapter = found
        }
        if let base { self.base = base } else { self.base = try Self.base(of: path, adapter: adapter) }
    }

    private static func base(of path: String, adapter: String?) throws(EngineError) -> String {
        var candidates = [path + "/base", path]
        if let adapter {
            candidates.append(adapter + "/base")
            candidates.append(adapter + "/../base")
            if let configuration = try? AdapterConfiguration(path: adapter + "/adapter_config.json"),
                let named = configuration.baseModel {
                candidates += [named, adapter + "/" + named]
            }
        }
        guard let found = candidates.first(where: { exists($0 + "/config.json") }) else {
            throw .invalidFile(
                path: path + "/base",
                reason: "the base model is not here; build it with 'make model' or name its folder with --base")
        }
        return found
    }

    /// The first of the model's folders (adapter, model, base) that has this file.
    func file(_ name: String) -> String? {
        [adapter, path, base].compactMap { $0 }.map { $0 + "/" + name }.first { Self.exists($0) }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private static func isFolder(_ path: String) -> Bool {
        var isDirectory = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory
    }
}
