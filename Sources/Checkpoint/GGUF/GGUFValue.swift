/// A value of a GGUF file's metadata. Arrays stay in the mapped file and are decoded when they are asked for.
public enum GGUFValue: Sendable {
    case unsigned(UInt64)
    case signed(Int64)
    case float(Double)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)
}

/// The value types of GGUF metadata, by their number in the file. Source: the GGUF specification.
enum GGUFValueType: UInt32, Sendable {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// Bytes of a value; for a string or an array, of the part that is always there.
    var minimumBytes: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .string: 8
        case .array: 12
        }
    }
}

/// An array in a GGUF file's metadata: checked when the file was opened, decoded on demand.
public struct GGUFArray: Sendable {
    /// Elements in the array.
    public let count: Int

    let key: String
    let type: GGUFValueType
    let range: Range<Int>
    let file: MappedFile

    /// The elements of an array of strings.
    /// - Throws: ``GGUFError/wrongKeyType(path:key:expected:)``, ``GGUFError/invalidString(path:offset:)``.
    public func strings() throws(GGUFError) -> [String] {
        guard type == .string else {
            throw .wrongKeyType(path: file.path, key: key, expected: "an array of strings")
        }
        var cursor = GGUFCursor(file: file, at: range.lowerBound)
        var result: [String] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(try cursor.string()) }
        return result
    }

    /// The elements of an array of numbers, whatever their width.
    public func doubles() throws(GGUFError) -> [Double] {
        var cursor = GGUFCursor(file: file, at: range.lowerBound)
        var result: [Double] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            switch try cursor.value(type, key: key, depth: 0) {
            case .unsigned(let value): result.append(Double(value))
            case .signed(let value): result.append(Double(value))
            case .float(let value): result.append(value)
            case .bool, .string, .array:
                throw .wrongKeyType(path: file.path, key: key, expected: "an array of numbers")
            }
        }
        return result
    }
}
