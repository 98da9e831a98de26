/// A model folder as transformers saves it: `config.json` and safetensors weights, one file or shards.
///
/// Names are asked for as transformers writes those of a causal language model (`model.embed_tokens.weight`,
/// `model.layers.0.self_attn.q_proj.weight`, `model.norm.weight`, `lm_head.weight`, `score.weight`). Folders that
/// hold a bare model (no `model.`) or a multimodal one (`language_model.`) answer to the same names.
public struct CheckpointFolder: Sendable {
    public let path: String
    public let configuration: ModelConfiguration
    public let tensors: TensorCollection

    private let naming: TensorNaming

    /// Opens the folder; headers and configuration are read and checked, weights stay on disk.
    /// - Throws: ``CheckpointError``.
    public init(path: String) throws(CheckpointError) {
        self.path = path
        guard FileSystem.isFolder(path) else { throw .notAFolder(path: path) }
        do { configuration = try ModelConfiguration(path: path + "/config.json") } catch { throw .configuration(error) }
        do {
            if FileSystem.exists(path + "/model.safetensors") {
                tensors = TensorCollection(try SafetensorsFile(path: path + "/model.safetensors"))
            } else if FileSystem.exists(path + "/model.safetensors.index.json") {
                tensors = try TensorCollection(folder: path, indexName: "model.safetensors.index.json")
            } else if FileSystem.exists(path + "/pytorch_model.bin")
                || FileSystem.exists(path + "/pytorch_model.bin.index.json")
            {
                throw CheckpointError.pickledWeights(path: path)
            } else {
                throw CheckpointError.noWeights(path: path)
            }
        } catch let error as SafetensorsError {
            throw .safetensors(error)
        } catch let error as CheckpointError {
            throw error
        } catch {
            throw .noWeights(path: path)
        }
        guard let naming = TensorNaming(tensors) else { throw .noEmbeddings(path: path) }
        self.naming = naming
    }

    /// The tensor of this name in transformers' spelling, or nil.
    public func tensorIfPresent(_ name: String) -> TensorView? { tensors[naming.stored(name)] }

    /// The tensor of this name.
    /// - Parameter shape: the shape it must have, if given.
    public func tensor(_ name: String, shape: [Int]? = nil) throws(CheckpointError) -> TensorView {
        guard let tensor = tensorIfPresent(name) else { throw .missingTensor(path: path, tensor: name) }
        if let shape, tensor.shape != shape {
            throw .wrongShape(tensor: name, expected: shape, found: tensor.shape)
        }
        return tensor
    }

    /// A floating-point tensor, all of it as f32: norms, biases, heads.
    public func floats(_ name: String, shape: [Int]? = nil) throws(CheckpointError) -> [Float] {
        let tensor = try tensor(name, shape: shape)
        do { return try tensor.floats() } catch { throw .safetensors(error) }
    }

    /// The weight of the linear layer at `module` (e.g. `model.layers.0.self_attn.q_proj`), dense or in 4 bits.
    /// - Parameters:
    ///   - rows: output features it must have, if given.
    ///   - columns: input features it must have, if given.
    public func linear(_ module: String, rows: Int? = nil, columns: Int? = nil) throws(CheckpointError)
        -> LinearWeight
    {
        let name = naming.stored(module + ".weight")
        guard let tensor = tensors[name] else { throw .missingTensor(path: path, tensor: module + ".weight") }
        let weight: LinearWeight
        if QuantizedMatrix.isQuantized(name, in: tensors) {
            do { weight = .quantized(try QuantizedMatrix(name, in: tensors)) } catch { throw .quantization(error) }
        } else {
            guard tensor.type.floatFormat != nil else {
                throw .safetensors(.notFloatingPoint(tensor: name, type: tensor.type))
            }
            guard tensor.shape.count == 2 else {
                throw .wrongShape(
                    tensor: name, expected: [rows ?? tensor.rows, columns ?? tensor.columns], found: tensor.shape)
            }
            weight = .dense(tensor)
        }
        let expected = [rows ?? weight.rows, columns ?? weight.columns]
        guard expected == [weight.rows, weight.columns] else {
            throw .wrongShape(tensor: name, expected: expected, found: [weight.rows, weight.columns])
        }
        return weight
    }
}

/// How a folder spells the names that transformers gives a causal language model's tensors.
struct TensorNaming: Sendable {
    /// What stands in the file where transformers has `model.`.
    private let body: String
    /// What stands before names outside the body, such as `lm_head.weight`.
    private let outer: String

    /// Finds the spelling by where the token embeddings are; nil if there are none.
    init?(_ tensors: TensorCollection) {
        let spellings = [
            ("model.", ""), ("", ""), ("language_model.model.", "language_model."), ("model.language_model.", ""),
            ("language_model.", ""),
        ]
        guard let found = spellings.first(where: { tensors[$0.0 + "embed_tokens.weight"] != nil }) else { return nil }
        (body, outer) = found
    }

    /// The name in the file for a name in transformers' spelling.
    func stored(_ name: String) -> String {
        name.hasPrefix("model.") ? body + name.dropFirst(6) : outer + name
    }
}
