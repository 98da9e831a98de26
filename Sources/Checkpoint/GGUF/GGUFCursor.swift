/// Reads little-endian values from a mapped GGUF file, checking before each read that the bytes are there.
struct GGUFCursor {
    /// How deep arrays of arrays may nest; no known file has any.
    static let depthLimit = 4

    let file: MappedFile
    private(set) var at: Int

    init(file: MappedFile, at: Int = 0) {
        self.file = file
        self.at = at
    }

    /// Bytes after the cursor.
    var remaining: Int { file.count - at }

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(GGUFError) -> T {
        let width = MemoryLayout<T>.size
        guard remaining >= width else { throw .truncated(path: file.path, offset: file.count) }
        let value = file.withUnsafeBytes(at..<at + width) { $0.loadUnaligned(as: T.self) }
        at += width
        return T(littleEndian: value)
    }

    mutating func string() throws(GGUFError) -> String {
        let start = at
        let bytes = try stringRange()
        let text = file.withUnsafeBytes(bytes) { String(validating: $0, as: UTF8.self) }
        guard let text else { throw .invalidString(path: file.path, offset: start) }
        return text
    }

    /// The bytes of the string at the cursor, which moves past it.
    private mutating func stringRange() throws(GGUFError) -> Range<Int> {
        let start = at
        let length = try integer(UInt64.self)
        guard length <= UInt64(remaining) else {
            throw .stringTooLong(path: file.path, offset: start, length: length)
        }
        at += Int(length)
        return at - Int(length)..<at
    }

    /// Reads a value of this type; `key` is for messages.
    mutating func value(_ type: GGUFValueType, key: String, depth: Int) throws(GGUFError) -> GGUFValue {
        switch type {
        case .uint8: return .unsigned(UInt64(try integer(UInt8.self)))
        case .uint16: return .unsigned(UInt64(try integer(UInt16.self)))
        case .uint32: return .unsigned(UInt64(try integer(UInt32.self)))
        case .uint64: return .unsigned(try integer(UInt64.self))
        case .int8: return .signed(Int64(try integer(Int8.self)))
        case .int16: return .signed(Int64(try integer(Int16.self)))
        case .int32: return .signed(Int64(try integer(Int32.self)))
        case .int64: return .signed(try integer(Int64.self))
        case .float32: return .float(Double(Float(bitPattern: try integer(UInt32.self))))
        case .float64: return .float(Double(bitPattern: try integer(UInt64.self)))
        case .bool:
            let byte = try integer(UInt8.self)
            guard byte <= 1 else { throw .invalidBool(path: file.path, key: key) }
            return .bool(byte == 1)
        case .string: return .string(try string())
        case .array: return .array(try array(key: key, depth: depth))
        }
    }

    mutating func valueType(key: String) throws(GGUFError) -> GGUFValueType {
        let number = try integer(UInt32.self)
        guard let type = GGUFValueType(rawValue: number) else {
            throw .unknownValueType(path: file.path, key: key, type: number)
        }
        return type
    }

    private mutating func array(key: String, depth: Int) throws(GGUFError) -> GGUFArray {
        guard depth < Self.depthLimit else { throw .arrayTooDeep(path: file.path, key: key) }
        let type = try valueType(key: key)
        let count = try integer(UInt64.self)
        guard count <= UInt64(remaining / type.minimumBytes) else {
            throw .arrayTooLong(path: file.path, key: key, count: count)
        }
        let start = at
        switch type {
        case .string: for _ in 0..<Int(count) { _ = try stringRange() }
        case .array: for _ in 0..<Int(count) { _ = try array(key: key, depth: depth + 1) }
        default: at += Int(count) * type.minimumBytes  // at most `remaining`, by the guard
        }
        return GGUFArray(count: Int(count), key: key, type: type, range: start..<at, file: file)
    }
}
