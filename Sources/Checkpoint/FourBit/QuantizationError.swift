internal import FileAccess

/// Why a bitsandbytes 4-bit weight was refused.
public enum QuantizationError: Error, Equatable, CustomStringConvertible {
    case eightBit(weight: String)
    case missing(tensor: String)
    case wrongType(tensor: String, type: ElementType)
    case stateNotJSON(weight: String, JSONError)
    case stateInvalid(weight: String, field: String)
    case unsupportedKind(weight: String, kind: String)
    case unsupportedFormat(weight: String, name: String)
    case blockSize(weight: String, Int)
    case shape(weight: String, [Int])
    case codeBytes(weight: String, expected: Int, found: Int)
    case count(tensor: String, expected: Int, found: Int)
    case codebook(weight: String, kind: FourBitKind)
    case scaleNotFinite(weight: String, block: Int)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .eightBit(let weight):
            "\(weight): bitsandbytes 8-bit (LLM.int8) is not supported; save the model in 4 bits or unquantised"
        case .missing(let tensor): "\(tensor): missing; the 4-bit weight it belongs to is incomplete"
        case .wrongType(let tensor, let type): "\(tensor): unexpected type \(type.rawValue)"
        case .stateNotJSON(let weight, let error): "\(weight): quant_state is not valid JSON: \(error)"
        case .stateInvalid(let weight, let field): "\(weight): quant_state has no valid \(field)"
        case .unsupportedKind(let weight, let kind):
            "\(weight): 4-bit type \"\(kind)\" is not supported; nf4 and fp4 are"
        case .unsupportedFormat(let weight, let name):
            "\(weight): dtype \"\(name)\" is not supported; float32, float16 and bfloat16 are"
        case .blockSize(let weight, let size): "\(weight): block size \(size) is not a power of two from 32 to 4096"
        case .shape(let weight, let shape): "\(weight): shape \(shape) is not that of a linear weight [out, in]"
        case .codeBytes(let weight, let expected, let found):
            "\(weight): its shape needs \(expected) bytes of codes, there are \(found)"
        case .count(let tensor, let expected, let found): "\(tensor): \(expected) elements needed, \(found) found"
        case .codebook(let weight, let kind):
            "\(weight): quant_map differs from the codes of \(kind.rawValue); bitsandbytes would ignore it"
        case .scaleNotFinite(let weight, let block): "\(weight): the scale of block \(block) is not finite"
        }
    }
}
