public import FileAccess

/// Why a GGUF file was refused: one case for each way in which it can be wrong.
public enum GGUFError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case notGGUF(path: String)
    case bigEndian(path: String)
    case unsupportedVersion(path: String, version: UInt32)
    case truncated(path: String, offset: Int)
    case tooManyFields(path: String, count: UInt64)
    case tooManyTensors(path: String, count: UInt64)
    case stringTooLong(path: String, offset: Int, length: UInt64)
    case invalidString(path: String, offset: Int)
    case invalidBool(path: String, key: String)
    case arrayTooLong(path: String, key: String, count: UInt64)
    case arrayTooDeep(path: String, key: String)
    case unknownValueType(path: String, key: String, type: UInt32)
    case duplicateKey(path: String, key: String)
    case invalidAlignment(path: String)
    case duplicateTensor(path: String, tensor: String)
    case unknownTensorType(path: String, tensor: String, type: UInt32)
    case invalidShape(path: String, tensor: String)
    case shapeOverflow(path: String, tensor: String)
    case partialBlock(path: String, tensor: String, columns: Int, blockSize: Int)
    case misaligned(path: String, tensor: String, offset: UInt64)
    case outOfRange(path: String, tensor: String)
    case overlap(path: String, tensor: String)
    case missingKey(path: String, key: String)
    case wrongKeyType(path: String, key: String, expected: String)
    case unsupportedTensorType(tensor: String, type: GGUFTensorType)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .file(let error): error.description
        case .notGGUF(let path): "\(path): not a GGUF file: it does not begin with \"GGUF\""
        case .bigEndian(let path): "\(path): a big-endian GGUF file; convert it to little-endian"
        case .unsupportedVersion(let path, let version):
            "\(path): GGUF version \(version) is not supported; versions 2 and 3 are"
        case .truncated(let path, let offset): "\(path): ends early at byte \(offset); the file is cut short"
        case .tooManyFields(let path, let count):
            "\(path): claims \(count) metadata fields, more than fit into the file"
        case .tooManyTensors(let path, let count): "\(path): claims \(count) tensors, more than fit into the file"
        case .stringTooLong(let path, let offset, let length):
            "\(path): the string at byte \(offset) claims \(length) bytes, more than follow"
        case .invalidString(let path, let offset): "\(path): the string at byte \(offset) is not UTF-8"
        case .invalidBool(let path, let key): "\(path): metadata \(key) is a boolean that is neither 0 nor 1"
        case .arrayTooLong(let path, let key, let count):
            "\(path): the array \(key) claims \(count) elements, more than fit into the file"
        case .arrayTooDeep(let path, let key): "\(path): the array \(key) is nested more than 4 deep"
        case .unknownValueType(let path, let key, let type):
            "\(path): metadata \(key) has unknown value type \(type)"
        case .duplicateKey(let path, let key): "\(path): metadata \(key) is there twice"
        case .invalidAlignment(let path):
            "\(path): general.alignment is not a power of two from 8 to 65536"
        case .duplicateTensor(let path, let tensor): "\(path): tensor \(tensor) is named twice"
        case .unknownTensorType(let path, let tensor, let type):
            "\(path): tensor \(tensor) has unknown type \(type)"
        case .invalidShape(let path, let tensor):
            "\(path): tensor \(tensor) does not have 1 to 4 extents that are all above 0"
        case .shapeOverflow(let path, let tensor): "\(path): the shape of tensor \(tensor) overflows"
        case .partialBlock(let path, let tensor, let columns, let blockSize):
            "\(path): rows of tensor \(tensor) have \(columns) elements, not a multiple of the block size \(blockSize)"
        case .misaligned(let path, let tensor, let offset):
            "\(path): tensor \(tensor) begins at \(offset), which is not aligned"
        case .outOfRange(let path, let tensor):
            "\(path): tensor \(tensor) reaches past the end of the file; the file is cut short or corrupt"
        case .overlap(let path, let tensor): "\(path): tensor \(tensor) overlaps the one before it"
        case .missingKey(let path, let key): "\(path): metadata \(key) is missing"
        case .wrongKeyType(let path, let key, let expected): "\(path): metadata \(key) is not \(expected)"
        case .unsupportedTensorType(let tensor, let type):
            "tensor \(tensor) is \(type.name), which is not supported; supported are "
                + GGUFTensorType.decodable.map(\.name).joined(separator: ", ")
        }
    }
}
