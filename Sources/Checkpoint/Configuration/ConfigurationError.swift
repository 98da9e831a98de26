internal import FileAccess

/// Why a `config.json` was refused.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    case file(JSONFileError)
    case notAnObject(path: String)
    case missing(field: String)
    case invalid(field: String, reason: String)
    case unsupportedArchitecture(String)
    case unsupportedActivation(String)
    case unsupportedRope(String)
    case unsupportedQuantization(String)
    case unsupportedFeature(String)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .file(let error): error.description
        case .notAnObject(let path): "\(path): not a JSON object"
        case .missing(let field): "config.json: \(field) is missing"
        case .invalid(let field, let reason): "config.json: \(field) \(reason)"
        case .unsupportedArchitecture(let name):
            "config.json: model type \"\(name)\" is not supported; supported are gemma3_text, gemma3, llama, mistral"
        case .unsupportedActivation(let name):
            "config.json: activation \"\(name)\" is not supported; supported are silu, gelu, gelu_pytorch_tanh"
        case .unsupportedRope(let name):
            "config.json: rope type \"\(name)\" is not supported; supported are default, linear, llama3"
        case .unsupportedQuantization(let name):
            "config.json: quantisation \"\(name)\" is not supported; only bitsandbytes 4-bit (nf4, fp4) is"
        case .unsupportedFeature(let name): "config.json: \(name) is not supported"
        }
    }
}
