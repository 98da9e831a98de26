/// The tensors of a folder, from `model.safetensors` or from the shards that `model.safetensors.index.json` lists.
public struct TensorCollection: Sendable {
    /// The files, in the order of their names.
    public let files: [SafetensorsFile]

    private let index: [String: (file: Int, tensor: Int)]

    /// One file.
    public init(_ file: SafetensorsFile) {
        files = [file]
        index = Dictionary(uniqueKeysWithValues: file.tensors.indices.map { (file.tensors[$0].name, (0, $0)) })
    }

    /// The shards of an index file.
    /// - Parameters:
    ///   - folder: folder of the index and of the shards.
    ///   - indexName: file name of the index.
    public init(folder: String, indexName: String) throws(SafetensorsError) {
        let path = folder + "/" + indexName
        let document: JSONValue
        do {
            document = try JSONFile.read(path, limit: SafetensorsFile.headerLimit)
        } catch {
            switch error {
            case .file(let error): throw .file(error)
            default: throw .indexMalformed(path: path, reason: error.description)
            }
        }
        guard let map = document.object?["weight_map"]?.object else {
            throw .indexMalformed(path: path, reason: "no weight_map object")
        }
        var owners: [String: String] = [:]
        var names: Set<String> = []
        for (tensor, value) in map.members {
            guard let file = value.string else {
                throw .indexMalformed(path: path, reason: "the file of tensor \(tensor) is not a string")
            }
            guard !file.isEmpty, file != ".", file != "..",
                !file.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
            else { throw .indexUnsafeName(path: path, file: file) }
            owners[tensor] = file
            names.insert(file)
        }
        var files: [SafetensorsFile] = []
        var index: [String: (file: Int, tensor: Int)] = [:]
        for name in names.sorted() {
            let file = try SafetensorsFile(path: folder + "/" + name)
            for (position, tensor) in file.tensors.enumerated() {
                guard owners[tensor.name] == name else {
                    throw .indexExtraTensor(path: path, tensor: tensor.name, file: name)
                }
                index[tensor.name] = (files.count, position)
            }
            files.append(file)
        }
        for (tensor, file) in owners where index[tensor] == nil {
            throw .indexMissingTensor(path: path, tensor: tensor, file: file)
        }
        self.files = files
        self.index = index
    }

    /// The tensor of this name, if there is one.
    public subscript(name: String) -> TensorView? {
        index[name].map { files[$0.file].tensors[$0.tensor] }
    }

    /// Every tensor name, sorted.
    public var names: [String] { index.keys.sorted() }

    /// Bytes in all tensors.
    public var byteCount: Int { files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.byteCount } } }
}
