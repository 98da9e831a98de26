/// `models/base.json`: where the base model comes from, each file by package, version, size and SHA-256.
public struct ModelPins: Sendable, Equatable {
    /// A file that a package brings.
    public struct File: Sendable, Equatable {
        /// The package that holds it.
        public var package: String
        /// Its name in the downloads folder.
        public var name: String
        public var bytes: Int
        /// Lower-case hexadecimal.
        public var sha256: String
    }

    /// The GGUF file's name.
    public var name: String
    public var bytes: Int
    public var sha256: String
    /// Parts of the GGUF file, in order.
    public var chunks: [File]
    /// Licence texts to keep beside the weights.
    public var notices: [File]
    /// Where the licence of the weights is published.
    public var terms: String

    /// Reads and checks the document at `path`.
    public init(path: String) throws(ModelBuildError) {
        let document: JSONValue
        do { document = try JSONFile.read(path, limit: 1_000_000) } catch {
            if case .file(let error) = error { throw .file(error) }
            throw .pins(path: path, reason: error.description)
        }
        let reader = PinsReader(path: path)
        let object = try reader.object(document, "the document")
        let file = try reader.object(object["file"], "file")
        name = try reader.fileName(file, in: "file")
        bytes = try reader.size(file, in: "file")
        sha256 = try reader.hash(file, in: "file")
        chunks = []
        for package in try reader.array(object["chunks"], "chunks") {
            chunks += try reader.files(package, in: "chunks")
        }
        notices = try reader.files(object["notices"], in: "notices")
        terms = try reader.string(object, "terms", in: "the document")
        guard !chunks.isEmpty else { throw .pins(path: path, reason: "names no chunks") }
        guard chunks.reduce(0, { $0 + $1.bytes }) == bytes else {
            throw .pins(path: path, reason: "the sizes of the chunks do not add up to that of \(name)")
        }
        let names = (chunks + notices).map(\.name)
        guard Set(names).count == names.count else { throw .pins(path: path, reason: "names a file twice") }
    }
}

/// Checked access to the members of the pins document.
private struct PinsReader {
    let path: String

    func object(_ value: JSONValue?, _ name: String) throws(ModelBuildError) -> JSONValue.Object {
        guard let object = value?.object else { throw .pins(path: path, reason: "\(name) is not an object") }
        return object
    }

    func array(_ value: JSONValue?, _ name: String) throws(ModelBuildError) -> [JSONValue] {
        guard let array = value?.array else { throw .pins(path: path, reason: "\(name) is not an array") }
        return array
    }

    /// The files of a package: {"package", "version", ..., "files": [{"name", "bytes", "sha256"}]}.
    func files(_ value: JSONValue?, in name: String) throws(ModelBuildError) -> [ModelPins.File] {
        let package = try object(value, name)
        var files: [ModelPins.File] = []
        for value in try array(package["files"], "\(name).files") {
            let file = try object(value, "\(name).files")
            files.append(
                ModelPins.File(
                    package: try string(package, "package", in: name), name: try fileName(file, in: name),
                    bytes: try size(file, in: name), sha256: try hash(file, in: name)))
        }
        return files
    }

    func string(_ object: JSONValue.Object, _ field: String, in name: String) throws(ModelBuildError) -> String {
        guard let text = object[field]?.string, !text.isEmpty else {
            throw .pins(path: path, reason: "\(name) has no \(field)")
        }
        return text
    }

    /// A plain name, so that pins never reach outside their folders.
    func fileName(_ object: JSONValue.Object, in name: String) throws(ModelBuildError) -> String {
        let text = try string(object, "name", in: name)
        guard text != ".", text != "..", !text.utf8.contains(UInt8(ascii: "/")), !text.utf8.contains(0) else {
            throw .pins(path: path, reason: "\"\(text)\" in \(name) is not a plain file name")
        }
        return text
    }

    func size(_ object: JSONValue.Object, in name: String) throws(ModelBuildError) -> Int {
        guard let bytes = object["bytes"]?.integer, (0...1 << 48).contains(bytes) else {
            throw .pins(path: path, reason: "\(name) has no valid bytes")
        }
        return bytes
    }

    func hash(_ object: JSONValue.Object, in name: String) throws(ModelBuildError) -> String {
        let text = try string(object, "sha256", in: name)
        guard text.utf8.count == 64, text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
            throw .pins(path: path, reason: "\(name) has no valid sha256 (64 lower-case hexadecimal digits)")
        }
        return text
    }
}
