internal import FileAccess

/// Builds the folder of a 4-bit base model: `config.json`, `model.safetensors` with NF4 double-quantised linear
/// layers in the layout of bitsandbytes, the tokenizer, licence texts, and `SHA256SUMS` of them all.
///
/// The same source gives the same bytes. The output folder appears complete or not at all.
public struct BaseModelBuilder: Sendable {
    /// What to build from.
    public enum Source: Sendable {
        /// Downloaded chunks of a GGUF file, with their pins.
        case pinned(ModelPins, downloads: String)
        /// A GGUF file, or a folder as transformers saves it: unquantised, or in 4 bits already.
        case path(String)
    }

    /// What was built.
    public struct Result: Sendable, Equatable {
        /// Names and SHA-256 of the files, sorted by name.
        public var files: [(name: String, sha256: String)]
        /// Bytes in `model.safetensors`.
        public var weightBytes: Int
        /// Linear layers in 4 bits.
        public var quantizedLayers: Int

        public static func == (left: Result, right: Result) -> Bool {
            left.weightBytes == right.weightBytes && left.quantizedLayers == right.quantizedLayers
                && left.files.elementsEqual(right.files, by: ==)
        }
    }

    private let source: Source
    private let output: String

    /// - Parameter output: the folder to build; replaced if it is there.
    public init(_ source: Source, output: String) {
        self.source = source
        self.output = output
    }

    /// Builds the folder.
    /// - Parameter progress: called often, on the calling thread.
    @discardableResult
    public func build(progress: @escaping (BuildProgress) -> Void = { _ in }) throws(ModelBuildError) -> Result {
        if case .path(let path) = source, FileSystem.isSame(path, output) { throw .sourceIsOutput(path: path) }
        let downloads: DownloadedModel?
        if case .pinned(let pins, let folder) = source {
            downloads = try DownloadedModel(pins, folder: folder)
        } else {
            downloads = nil
        }
        let folder = try OutputFolder(target: output)
        let result: Result
        do throws(ModelBuildError) {
            result = try fill(folder.path, downloads, progress)
        } catch {
            folder.discard()
            throw error
        }
        try folder.publish()
        return result
    }

    private func fill(
        _ folder: String, _ downloads: DownloadedModel?, _ progress: @escaping (BuildProgress) -> Void
    ) throws(ModelBuildError) -> Result {
        var files = FolderFiles(folder: folder)
        var layers = 0
        switch source {
        case .pinned(let pins, _):
            // Unlinked as soon as it is mapped: it is gone with the build, however that ends.
            let path = folder + "/" + pins.name
            try downloads?.assemble(into: path, progress: progress)
            let gguf = try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in try GGUFFile(path: path) }
            try wrapping(ModelBuildError.file) { () throws(FileError) in try FileSystem.remove(path) }
            layers = try write(try Gemma3GGUF(gguf), to: &files, progress)
            for notice in downloads?.notices ?? [] {
                try files.add(notice.name, notice.file.bytes(0..<notice.file.count))
            }
        case .path(let path) where !FileSystem.isFolder(path):
            let gguf = try wrapping(ModelBuildError.gguf) { () throws(GGUFError) in try GGUFFile(path: path) }
            layers = try write(try Gemma3GGUF(gguf), to: &files, progress)
        case .path(let path):
            let source = try wrapping(ModelBuildError.checkpoint) { () throws(CheckpointError) in
                try CheckpointFolder(path: path)
            }
            if source.configuration.quantization == nil {
                layers = try write(try FolderSource(source), to: &files, progress)
            } else {
                layers = try copy(source, to: &files, progress)
            }
        }
        try Self.check(folder)
        return try files.finish(quantizedLayers: layers)
    }

    /// Quantises and writes a model; returns the number of 4-bit layers.
    private func write(
        _ source: some ModelSource, to files: inout FolderFiles, _ progress: @escaping (BuildProgress) -> Void
    ) throws(ModelBuildError) -> Int {
        let layers = source.tensors.filter(\.isLinear)
        var configuration = source.configuration
        let format = layers.first?.format ?? .bfloat16
        configuration["quantization_config"] = .object(Self.quantization(format, heads: source.heads))
        try files.add("config.json", Array((JSONValue.object(configuration).text(.indented) + "\n").utf8))
        let writer = QuantizedModelWriter(tensors: source.tensors, progress: progress)
        try writer.write(to: &files)
        for companion in try source.companions() { try files.add(companion.name, companion.bytes) }
        return layers.count
    }

    /// Copies a model that is in 4 bits already, after checking every weight.
    private func copy(
        _ source: CheckpointFolder, to files: inout FolderFiles, _ progress: (BuildProgress) -> Void
    ) throws(ModelBuildError) -> Int {
        var layers = 0
        for name in source.tensors.names where QuantizedMatrix.isQuantized(name, in: source.tensors) {
            do throws(QuantizationError) { _ = try QuantizedMatrix(name, in: source.tensors) } catch {
                throw .checkpoint(.quantization(error))
            }
            layers += 1
        }
        guard layers > 0 else { throw .notQuantized(path: source.path) }
        var names = ["config.json"] + source.tensors.files.map { $0.path.lastPathComponent }
        if FileSystem.exists(source.path + "/model.safetensors.index.json"), source.tensors.files.count > 1 {
            names.append("model.safetensors.index.json")
        }
        let total = source.tensors.byteCount
        var done = 0
        for name in names {
            let file = try wrapping(ModelBuildError.file) { () throws(FileError) in
                try MappedFile(path: source.path + "/" + name)
            }
            try files.add(name, file)
            done += file.count
            progress(BuildProgress(step: .write, done: min(done, total), total: total))
        }
        for companion in try FolderSource.companions(of: source.path) {
            try files.add(companion.name, companion.bytes)
        }
        return layers
    }

    /// `quantization_config` as transformers 5 writes it.
    /// - Parameter heads: classification heads, which stay unquantised; transformers has to be told of them, while it
    ///   leaves `lm_head` alone by itself.
    private static func quantization(_ format: FloatFormat, heads: [String]) -> JSONValue.Object {
        var fields = JSONValue.Object()
        fields["_load_in_4bit"] = .bool(true)
        fields["_load_in_8bit"] = .bool(false)
        fields["bnb_4bit_compute_dtype"] = .string(format.rawValue)
        fields["bnb_4bit_quant_storage"] = .string("uint8")
        fields["bnb_4bit_quant_type"] = .string("nf4")
        fields["bnb_4bit_use_double_quant"] = .bool(true)
        fields["llm_int8_enable_fp32_cpu_offload"] = .bool(false)
        fields["llm_int8_has_fp16_weight"] = .bool(false)
        fields["llm_int8_skip_modules"] = heads.isEmpty ? .null : .array(heads.map { .string($0) })
        fields["llm_int8_threshold"] = .number(6)
        fields["load_in_4bit"] = .bool(true)
        fields["load_in_8bit"] = .bool(false)
        fields["quant_method"] = .string("bitsandbytes")
        return fields
    }

    /// Opens the finished folder as the engine will, with every 4-bit weight.
    private static func check(_ path: String) throws(ModelBuildError) {
        try wrapping(ModelBuildError.selfCheck) { () throws(CheckpointError) in
            let folder = try CheckpointFolder(path: path)
            for name in folder.tensors.names where QuantizedMatrix.isQuantized(name, in: folder.tensors) {
                do throws(QuantizationError) {
                    _ = try QuantizedMatrix(name, in: folder.tensors)
                } catch {
                    throw .quantization(error)
                }
            }
        }
    }
}
