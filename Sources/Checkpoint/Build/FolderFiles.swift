internal import FileAccess

/// Writes files into a folder and remembers their hashes.
struct FolderFiles {
    let folder: String

    private var hashes: [String: String] = [:]
    private var weightBytes = 0

    init(folder: String) { self.folder = folder }

    /// Writes a small file.
    mutating func add(_ name: String, _ bytes: [UInt8]) throws(ModelBuildError) {
        var writer = try create(name)
        do throws(FileError) { try writer.write(bytes) } catch { throw .file(error) }
        try finish(&writer, name)
    }

    /// Copies a file.
    mutating func add(_ name: String, _ file: MappedFile) throws(ModelBuildError) {
        var writer = try create(name)
        try file.withUnsafeBytes(0..<file.count) { bytes throws(ModelBuildError) in
            do throws(FileError) { try writer.write(bytes) } catch { throw .file(error) }
        }
        try finish(&writer, name)
    }

    /// Begins a file that is written in parts; ``finish(_:_:)`` ends it.
    func create(_ name: String) throws(ModelBuildError) -> FileWriter {
        do throws(FileError) { return try FileWriter(creating: folder + "/" + name) } catch { throw .file(error) }
    }

    mutating func finish(_ writer: inout FileWriter, _ name: String) throws(ModelBuildError) {
        do throws(FileError) { hashes[name] = try writer.finish() } catch { throw .file(error) }
        if name.hasSuffix(".safetensors") { weightBytes += writer.count }
    }

    /// Writes `SHA256SUMS`, which `sha256sum --check` reads, over all files.
    mutating func finish(quantizedLayers: Int) throws(ModelBuildError) -> BaseModelBuilder.Result {
        let files = hashes.sorted { $0.key < $1.key }.map { (name: $0.key, sha256: $0.value) }
        let lines = files.map { "\($0.sha256)  \($0.name)\n" }
        try add("SHA256SUMS", Array(lines.joined().utf8))
        return BaseModelBuilder.Result(files: files, weightBytes: weightBytes, quantizedLayers: quantizedLayers)
    }
}

extension String {
    /// What follows the last slash.
    var lastPathComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
