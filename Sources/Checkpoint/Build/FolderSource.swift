internal import FileAccess

/// An unquantised safetensors folder as transformers saves it, to be built from.
struct FolderSource: ModelSource {
    let configuration: JSONValue.Object
    let tensors: [SourceTensor]

    private let path: String

    /// Files that go along if they are there.
    private static let companionNames = [
        "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json",
        "generation_config.json", "labels.json", "LICENSE", "NOTICE", "NOTICE.md", "USE_POLICY.md",
    ]

    /// The layers whose weights are quantised: those that transformers replaces by 4-bit ones in these families.
    private static let linearNames: Set<String> = [
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    ]

    init(_ folder: CheckpointFolder) throws(ModelBuildError) {
        path = folder.path
        let names = folder.tensors.names
        let tensors = try names.map { name throws(ModelBuildError) in try Self.tensor(name, in: folder) }
        self.tensors = tensors
        let document = try wrapping({ .checkpoint(.configuration(.file($0))) }) { () throws(JSONFileError) in
            try JSONFile.read(folder.path + "/config.json")
        }
        guard var fields = document.object else {
            throw .checkpoint(.configuration(.notAnObject(path: folder.path + "/config.json")))
        }
        let format = tensors.first { $0.isLinear }?.format ?? .bfloat16
        fields["torch_dtype"] = nil
        fields["dtype"] = .string(format.rawValue)
        configuration = fields
    }

    func companions() throws(ModelBuildError) -> [(name: String, bytes: [UInt8])] {
        try Self.companions(of: path)
    }

    /// The tokenizer and what else goes along, from any model folder.
    static func companions(of path: String) throws(ModelBuildError) -> [(name: String, bytes: [UInt8])] {
        var result: [(name: String, bytes: [UInt8])] = []
        for name in companionNames where FileSystem.exists(path + "/" + name) {
            let file = try wrapping(ModelBuildError.file) { () throws(FileError) in
                try MappedFile(path: path + "/" + name)
            }
            result.append((name, file.bytes(0..<file.count)))
        }
        return result
    }

    private static func tensor(_ name: String, in folder: CheckpointFolder) throws(ModelBuildError) -> SourceTensor {
        guard let view = folder.tensors[name] else { throw .missingTensor(path: folder.path, tensor: name) }
        // F32 becomes bfloat16, as transformers makes of it with dtype=bfloat16; the 16-bit formats stay.
        guard let stored = view.type.floatFormat else {
            throw .checkpoint(.safetensors(.notFloatingPoint(tensor: name, type: view.type)))
        }
        guard !view.shape.isEmpty, view.elementCount > 0 else {
            throw .wrongShape(tensor: name, expected: [1], found: view.shape)
        }
        let parts = name.split(separator: ".")
        let isLinear = view.shape.count == 2 && parts.last == "weight"
            && parts.dropLast().last.map { linearNames.contains(String($0)) } ?? false
        return SourceTensor(
            name: name, shape: view.shape, format: stored == .float16 ? .float16 : .bfloat16, isLinear: isLinear,
            read: { rows, destination throws(ModelBuildError) in
                let width = view.shape.count == 1 ? view.shape[0] : view.columns
                do throws(SafetensorsError) {
                    try view.readFloats(
                        elements: rows.lowerBound * width..<rows.upperBound * width, into: destination)
                } catch {
                    throw .checkpoint(.safetensors(error))
                }
            })
    }
}
