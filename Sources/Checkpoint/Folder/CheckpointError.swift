internal import FileAccess

/// Why a checkpoint folder was refused: which part, and what was wrong with it.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
    case notAFolder(path: String)
    case noWeights(path: String)
    case pickledWeights(path: String)
    case noEmbeddings(path: String)
    case configuration(ConfigurationError)
    case safetensors(SafetensorsError)
    case quantization(QuantizationError)
    case missingTensor(path: String, tensor: String)
    case wrongShape(tensor: String, expected: [Int], found: [Int])

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .notAFolder(let path): "\(path): no such folder"
        case .noWeights(let path): "\(path): no model.safetensors and no model.safetensors.index.json"
        case .pickledWeights(let path):
            "\(path): weights are in pickle files (.bin), which can run code; save them with safe_serialization=True"
        case .noEmbeddings(let path): "\(path): no embed_tokens.weight; not a language model's weights"
        case .configuration(let error): error.description
        case .safetensors(let error): error.description
        case .quantization(let error): error.description
        case .missingTensor(let path, let tensor): "\(path): tensor \(tensor) is missing"
        case .wrongShape(let tensor, let expected, let found):
            "tensor \(tensor) has shape \(found); config.json calls for \(expected)"
        }
    }
}
