internal import Crypto
internal import FileAccess

/// The downloaded chunks of a GGUF file, checked against their pins.
struct DownloadedModel {
    private let pins: ModelPins
    private let chunks: [MappedFile]
    let notices: [(name: String, file: MappedFile)]

    /// Bytes hashed between two reports of progress.
    private static let step = 4 << 20

    /// Opens every file and checks its size; contents are checked by ``assemble(into:progress:)``.
    init(_ pins: ModelPins, folder: String) throws(ModelBuildError) {
        self.pins = pins
        var files: [MappedFile] = []
        for pin in pins.chunks { files.append(try Self.open(pin, folder)) }
        chunks = files
        var notices: [(String, MappedFile)] = []
        for pin in pins.notices {
            let file = try Self.open(pin, folder)
            var hasher = SHA256()
            file.withUnsafeBytes(0..<file.count) { hasher.update(bufferPointer: $0) }
            try Self.compare(hasher.finalize().hexadecimal, pin, file)
            notices.append((pin.name, file))
        }
        self.notices = notices
    }

    /// Writes the chunks one after the other to `path`, checking each and the whole.
    func assemble(into path: String, progress: (BuildProgress) -> Void) throws(ModelBuildError) {
        var writer: FileWriter
        do throws(FileError) { writer = try FileWriter(creating: path) } catch { throw .file(error) }
        for (pin, file) in zip(pins.chunks, chunks) {
            var hasher = SHA256()
            var at = 0
            while at < file.count {
                let end = min(at + Self.step, file.count)
                try file.withUnsafeBytes(at..<end) { bytes throws(ModelBuildError) in
                    hasher.update(bufferPointer: bytes)
                    do throws(FileError) { try writer.write(bytes) } catch { throw .file(error) }
                }
                at = end
                progress(BuildProgress(step: .verify, done: writer.count, total: pins.bytes))
            }
            try Self.compare(hasher.finalize().hexadecimal, pin, file)
        }
        let found: String
        do throws(FileError) { found = try writer.finish() } catch { throw .file(error) }
        guard found == pins.sha256 else {
            throw .assembledHash(name: pins.name, expected: pins.sha256, found: found)
        }
    }

    private static func open(_ pin: ModelPins.File, _ folder: String) throws(ModelBuildError) -> MappedFile {
        let path = folder + "/" + pin.name
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch {
            if case .notFound = error { throw .missingDownload(path: path, package: pin.package) }
            throw .file(error)
        }
        guard file.count == pin.bytes else {
            throw .wrongSize(path: path, expected: pin.bytes, found: file.count)
        }
        return file
    }

    private static func compare(
        _ found: String, _ pin: ModelPins.File, _ file: MappedFile
    ) throws(ModelBuildError) {
        guard found == pin.sha256 else {
            throw .wrongHash(path: file.path, expected: pin.sha256, found: found)
        }
    }
}
