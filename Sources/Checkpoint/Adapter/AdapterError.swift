internal import FileAccess

/// Why a PEFT adapter was refused.
public enum AdapterError: Error, Equatable, CustomStringConvertible {
    case notAFolder(path: String)
    case configuration(JSONFileError)
    case pickledWeights(path: String)
    case weights(SafetensorsError)
    case missing(field: String)
    case invalid(field: String, reason: String)
    case unsupportedMethod(String)
    case unsupportedFeature(String)
    case unsupportedInitialisation(String)
    case unsupportedPattern(field: String, pattern: String)
    case unrecognisedTensor(String)
    case duplicateTensor(String)
    case wrongShape(tensor: String, shape: [Int])
    case unpaired(module: String, missing: String)
    case rankMismatch(module: String, configured: Int, found: Int)
    case notFinite(tensor: String)
    case embeddingAdapter(String)
    case moduleNotInBase(String)
    case doesNotFit(module: String, adapter: [Int], base: [Int])
    case empty(path: String)
    case notSaved(tensor: String, field: String)
    case base(CheckpointError)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .notAFolder(let path): "\(path): no such folder"
        case .configuration(let error): error.description
        case .pickledWeights(let path):
            "\(path): the adapter is in a pickle file (.bin), which can run code; save it with safe_serialization=True"
        case .weights(let error): error.description
        case .missing(let field): "adapter_config.json: \(field) is missing"
        case .invalid(let field, let reason): "adapter_config.json: \(field) \(reason)"
        case .unsupportedMethod(let name): "adapter_config.json: PEFT method \(name) is not supported; LORA is"
        case .unsupportedFeature(let name): "adapter_config.json: \(name) is not supported"
        case .unsupportedInitialisation(let name):
            "adapter_config.json: init_lora_weights \"\(name)\" is not supported, since it may change the base weights;"
                + " convert the adapter to plain LoRA (peft: path_initial_model_for_weight_conversion)"
        case .unsupportedPattern(let field, let pattern):
            "adapter_config.json: the pattern \"\(pattern)\" in \(field) is malformed or uses syntax not supported"
        case .unrecognisedTensor(let name): "adapter_model.safetensors: unrecognised tensor \(name)"
        case .duplicateTensor(let name): "adapter_model.safetensors: two tensors mean \(name)"
        case .wrongShape(let tensor, let shape): "adapter_model.safetensors: tensor \(tensor) has shape \(shape)"
        case .unpaired(let module, let missing): "adapter_model.safetensors: \(module) has no \(missing)"
        case .rankMismatch(let module, let configured, let found):
            "adapter: \(module) has rank \(found); adapter_config.json calls for \(configured)"
        case .notFinite(let tensor): "adapter_model.safetensors: tensor \(tensor) holds NaN or infinity"
        case .embeddingAdapter(let module): "adapter: LoRA on the embedding \(module) is not supported"
        case .moduleNotInBase(let module): "adapter: the base model has no \(module); is it for another model?"
        case .doesNotFit(let module, let adapter, let base):
            "adapter: \(module) is \(adapter) in the adapter and \(base) in the base; is it for another model?"
        case .empty(let path): "\(path): the adapter holds no tensors"
        case .notSaved(let tensor, let field):
            "adapter_model.safetensors: \(tensor) is missing; by \(field) in adapter_config.json it was trained"
        case .base(let error): error.description
        }
    }
}
