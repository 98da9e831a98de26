/// A GGUF file, version 2 or 3: metadata and quantised tensors in one mapped file.
///
/// Opening reads and checks the metadata and every tensor's place; weights are paged in when they are read.
/// Source: the GGUF specification in the ggml repository, and the Python `gguf` package.
public struct GGUFFile: Sendable {
    public let path: String
    public let version: UInt32
    /// The tensors in file order.
    public let tensors: [GGUFTensor]

    private let fields: [String: GGUFValue]
    private let index: [String: Int]

    /// Maps and checks the file at `path`.
    public init(path: String) throws(GGUFError) {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { throw .file(error) }
        try self.init(file: file)
    }

    /// Checks a file that is mapped already.
    public init(file: MappedFile) throws(GGUFError) {
        path = file.path
        var cursor = GGUFCursor(file: file)
        // A file that is shorter than the magic is no more a GGUF file than one that begins otherwise.
        guard file.count >= 4, file.bytes(0..<4) == Array("GGUF".utf8) else { throw .notGGUF(path: file.path) }
        _ = try cursor.integer(UInt32.self)
        version = try cursor.integer(UInt32.self)
        guard version == 2 || version == 3 else {
            if version.byteSwapped == 2 || version.byteSwapped == 3 { throw .bigEndian(path: file.path) }
            throw .unsupportedVersion(path: file.path, version: version)
        }
        let tensorCount = try cursor.integer(UInt64.self)
        let fieldCount = try cursor.integer(UInt64.self)
        // A field takes at least an empty key, a type and a byte; a tensor a name, one extent, a type and an offset.
        guard fieldCount <= UInt64(cursor.remaining / 13) else {
            throw .tooManyFields(path: file.path, count: fieldCount)
        }
        guard tensorCount <= UInt64(cursor.remaining / 32) else {
            throw .tooManyTensors(path: file.path, count: tensorCount)
        }
        fields = try Self.fields(Int(fieldCount), &cursor)
        let alignment = try Self.alignment(fields["general.alignment"], path: file.path)
        tensors = try Self.tensors(Int(tensorCount), alignment: alignment, &cursor)
        index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    }

    /// The tensor of this name, if the file has it.
    public subscript(tensor name: String) -> GGUFTensor? { index[name].map { tensors[$0] } }

    /// The metadata value of this key, if the file has it.
    public subscript(key: String) -> GGUFValue? { fields[key] }

    /// A whole number that must be there.
    public func integer(_ key: String) throws(GGUFError) -> Int {
        guard let value = try integerIfPresent(key) else { throw .missingKey(path: path, key: key) }
        return value
    }

    /// A whole number, or nil if there is no such key.
    public func integerIfPresent(_ key: String) throws(GGUFError) -> Int? {
        switch fields[key] {
        case nil: return nil
        case .unsigned(let value): if let number = Int(exactly: value) { return number }
        case .signed(let value): return Int(value)
        default: break
        }
        throw .wrongKeyType(path: path, key: key, expected: "a whole number")
    }

    /// A number, or nil if there is no such key.
    public func doubleIfPresent(_ key: String) throws(GGUFError) -> Double? {
        switch fields[key] {
        case nil: return nil
        case .float(let value): return value
        case .unsigned(let value): return Double(value)
        case .signed(let value): return Double(value)
        default: throw .wrongKeyType(path: path, key: key, expected: "a number")
        }
    }

    /// A string, or nil if there is no such key.
    public func stringIfPresent(_ key: String) throws(GGUFError) -> String? {
        guard let value = fields[key] else { return nil }
        guard case .string(let text) = value else { throw .wrongKeyType(path: path, key: key, expected: "a string") }
        return text
    }

    /// A flag, or nil if there is no such key.
    public func boolIfPresent(_ key: String) throws(GGUFError) -> Bool? {
        guard let value = fields[key] else { return nil }
        guard case .bool(let flag) = value else { throw .wrongKeyType(path: path, key: key, expected: "a boolean") }
        return flag
    }

    /// An array that must be there.
    public func array(_ key: String) throws(GGUFError) -> GGUFArray {
        guard let value = fields[key] else { throw .missingKey(path: path, key: key) }
        guard case .array(let array) = value else { throw .wrongKeyType(path: path, key: key, expected: "an array") }
        return array
    }

    private static func fields(_ count: Int, _ cursor: inout GGUFCursor) throws(GGUFError) -> [String: GGUFValue] {
        var fields: [String: GGUFValue] = [:]
        for _ in 0..<count {
            let key = try cursor.string()
            let type = try cursor.valueType(key: key)
            let value = try cursor.value(type, key: key, depth: 0)
            guard fields.updateValue(value, forKey: key) == nil else {
                throw .duplicateKey(path: cursor.file.path, key: key)
            }
        }
        return fields
    }

    private static func alignment(_ value: GGUFValue?, path: String) throws(GGUFError) -> Int {
        guard let value else { return 32 }
        guard case .unsigned(let number) = value, (8...65536).contains(number), number & (number - 1) == 0 else {
            throw .invalidAlignment(path: path)
        }
        return Int(number)
    }

    private static func tensors(
        _ count: Int, alignment: Int, _ cursor: inout GGUFCursor
    ) throws(GGUFError) -> [GGUFTensor] {
        let file = cursor.file
        var places: [Place] = []
        var names: Set<String> = []
        for _ in 0..<count {
            let place = try Place(&cursor)
            guard names.insert(place.name).inserted else {
                throw .duplicateTensor(path: file.path, tensor: place.name)
            }
            guard place.offset % UInt64(alignment) == 0 else {
                throw .misaligned(path: file.path, tensor: place.name, offset: place.offset)
            }
            places.append(place)
        }
        let dataStart = (cursor.at + alignment - 1) / alignment * alignment
        var tensors: [GGUFTensor] = []
        for place in places {
            // The file's size bounds every sum below.
            guard place.offset <= UInt64(file.count), dataStart <= file.count,
                place.bytes <= file.count - dataStart,
                Int(place.offset) <= file.count - dataStart - place.bytes
            else { throw .outOfRange(path: file.path, tensor: place.name) }
            let start = dataStart + Int(place.offset)
            tensors.append(
                GGUFTensor(
                    name: place.name, type: place.type, shape: place.shape, range: start..<start + place.bytes,
                    file: file))
        }
        var end = dataStart
        for tensor in tensors.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            guard tensor.range.lowerBound >= end else { throw .overlap(path: file.path, tensor: tensor.name) }
            end = tensor.range.upperBound
        }
        return tensors
    }

    /// One entry of the tensor table.
    private struct Place {
        let name: String
        let type: GGUFTensorType
        let shape: [Int]
        let bytes: Int
        let offset: UInt64

        init(_ cursor: inout GGUFCursor) throws(GGUFError) {
            let path = cursor.file.path
            name = try cursor.string()
            let dimensions = try cursor.integer(UInt32.self)
            guard (1...4).contains(dimensions) else { throw .invalidShape(path: path, tensor: name) }
            var extents: [Int] = []
            for _ in 0..<dimensions {
                let extent = try cursor.integer(UInt64.self)
                guard extent > 0 else { throw .invalidShape(path: path, tensor: name) }
                guard let value = Int(exactly: extent) else { throw .shapeOverflow(path: path, tensor: name) }
                extents.append(value)
            }
            let number = try cursor.integer(UInt32.self)
            guard let type = GGUFTensorType(rawValue: number) else {
                throw .unknownTensorType(path: path, tensor: name, type: number)
            }
            guard let elements = checkedProduct(extents) else { throw .shapeOverflow(path: path, tensor: name) }
            guard extents[0] % type.blockSize == 0 else {
                throw .partialBlock(path: path, tensor: name, columns: extents[0], blockSize: type.blockSize)
            }
            let (bytes, overflow) = (elements / type.blockSize).multipliedReportingOverflow(by: type.blockBytes)
            guard !overflow else { throw .shapeOverflow(path: path, tensor: name) }
            self.type = type
            self.bytes = bytes
            shape = extents.reversed()
            offset = try cursor.integer(UInt64.self)
        }
    }
}
