public import FileAccess

/// Why a safetensors file or shard index was refused.
public enum SafetensorsError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case tooShort(path: String, bytes: Int)
    case headerTooLarge(path: String, bytes: UInt64)
    case headerTruncated(path: String, bytes: UInt64, available: Int)
    case headerNotJSON(path: String, JSONError)
    case headerNotObject(path: String)
    case metadataNotStrings(path: String)
    case duplicateTensor(path: String, tensor: String)
    case malformedEntry(path: String, tensor: String, field: String)
    case unknownType(path: String, tensor: String, type: String)
    case shapeOverflow(path: String, tensor: String)
    case offsetsReversed(path: String, tensor: String)
    case outOfRange(path: String, tensor: String, end: Int, available: Int)
    case sizeMismatch(path: String, tensor: String, expected: Int, found: Int)
    case overlap(path: String, tensor: String)
    case hole(path: String, before: String, bytes: Int)
    case trailingBytes(path: String, bytes: Int)
    case notFloatingPoint(tensor: String, type: ElementType)
    case indexMalformed(path: String, reason: String)
    case indexUnsafeName(path: String, file: String)
    case indexMissingTensor(path: String, tensor: String, file: String)
    case indexExtraTensor(path: String, tensor: String, file: String)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .file(let error): error.description
        case .tooShort(let path, let bytes):
            "\(path): not a safetensors file: \(bytes) bytes, fewer than the 8 of the header length"
        case .headerTooLarge(let path, let bytes):
            "\(path): the header claims \(bytes) bytes; the limit is \(SafetensorsFile.headerLimit)"
        case .headerTruncated(let path, let bytes, let available):
            "\(path): the header claims \(bytes) bytes but \(available) follow; the file is cut short"
        case .headerNotJSON(let path, let error): "\(path): the header is not valid JSON: \(error)"
        case .headerNotObject(let path): "\(path): the header is not a JSON object"
        case .metadataNotStrings(let path): "\(path): __metadata__ must map names to strings"
        case .duplicateTensor(let path, let tensor): "\(path): tensor \(tensor) is named twice"
        case .malformedEntry(let path, let tensor, let field):
            "\(path): tensor \(tensor) has a malformed or unknown header field \(field)"
        case .unknownType(let path, let tensor, let type): "\(path): tensor \(tensor) has unknown type \(type)"
        case .shapeOverflow(let path, let tensor):
            "\(path): the shape of tensor \(tensor) overflows or is not a whole number of bytes"
        case .offsetsReversed(let path, let tensor): "\(path): tensor \(tensor) ends before it begins"
        case .outOfRange(let path, let tensor, let end, let available):
            "\(path): tensor \(tensor) ends at byte \(end) of \(available); the file is cut short or corrupt"
        case .sizeMismatch(let path, let tensor, let expected, let found):
            "\(path): the type and shape of tensor \(tensor) need \(expected) bytes, its offsets span \(found)"
        case .overlap(let path, let tensor): "\(path): tensor \(tensor) overlaps the one before it"
        case .hole(let path, let tensor, let bytes): "\(path): \(bytes) bytes before tensor \(tensor) belong to none"
        case .trailingBytes(let path, let bytes): "\(path): \(bytes) bytes after the last tensor belong to none"
        case .notFloatingPoint(let tensor, let type):
            "tensor \(tensor) is \(type.rawValue); F32, F16 or BF16 is needed"
        case .indexMalformed(let path, let reason): "\(path): malformed shard index: \(reason)"
        case .indexUnsafeName(let path, let file):
            "\(path): shard \"\(file)\" is not a plain file name inside the folder"
        case .indexMissingTensor(let path, let tensor, let file):
            "\(path): tensor \(tensor) is listed in \(file) but is not there"
        case .indexExtraTensor(let path, let tensor, let file):
            "\(path): tensor \(tensor) is in more than one shard or not listed for \(file)"
        }
    }
}
