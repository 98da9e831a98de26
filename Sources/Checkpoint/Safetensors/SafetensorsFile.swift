/// A safetensors file: eight bytes of header length, a JSON header, and the tensors' bytes without gaps.
///
/// Opening reads and checks the header only; tensor bytes are paged in when they are read. Source: the format
/// description in the safetensors repository, whose validation rules are all applied here.
public struct SafetensorsFile: Sendable {
    /// Longest header accepted, the limit of the reference implementation.
    public static let headerLimit = 100_000_000

    public let path: String
    /// The `__metadata__` member; empty if there is none.
    public let metadata: [String: String]
    /// The tensors in the order of their bytes.
    public let tensors: [TensorView]

    private let index: [String: Int]

    /// Maps and checks the file at `path`.
    /// - Throws: ``SafetensorsError``.
    public init(path: String) throws(SafetensorsError) {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch { throw .file(error) }
        try self.init(file: file)
    }

    /// Reads the file at `path` to memory and checks it, so that it may be written over while its tensors are used.
    /// - Parameter limit: largest file accepted, in bytes.
    /// - Throws: ``SafetensorsError``.
    public init(copying path: String, limit: Int) throws(SafetensorsError) {
        let file: MappedFile
        do { file = try MappedFile(copying: path, limit: limit) } catch { throw .file(error) }
        try self.init(file: file)
    }

    /// Checks a file that is mapped or read already.
    public init(file: MappedFile) throws(SafetensorsError) {
        path = file.path
        guard file.count >= 8 else { throw .tooShort(path: file.path, bytes: file.count) }
        let length = file.withUnsafeBytes(0..<8) { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= UInt64(Self.headerLimit) else { throw .headerTooLarge(path: file.path, bytes: length) }
        let headerEnd = 8 + Int(length)
        guard headerEnd <= file.count else {
            throw .headerTruncated(path: file.path, bytes: length, available: file.count - 8)
        }
        let header: JSONValue
        do {
            header = try file.withUnsafeBytes(8..<headerEnd) { raw throws(JSONError) in try JSONValue(parsing: raw) }
        } catch .duplicateName(let name, depth: 1, _) {
            throw .duplicateTensor(path: file.path, tensor: name)
        } catch {
            throw .headerNotJSON(path: file.path, error)
        }
        guard let members = header.object?.members else {
            throw .headerNotObject(path: file.path)
        }

        var metadata: [String: String] = [:]
        var tensors: [TensorView] = []
        tensors.reserveCapacity(members.count)
        for (name, value) in members {
            if name == "__metadata__" {
                metadata = try Self.metadata(value, path: file.path)
            } else {
                tensors.append(try Self.tensor(name, value, file: file, dataStart: headerEnd))
            }
        }
        tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        var end = headerEnd
        for tensor in tensors {
            guard tensor.range.lowerBound >= end else { throw .overlap(path: file.path, tensor: tensor.name) }
            guard tensor.range.lowerBound == end else {
                throw .hole(path: file.path, before: tensor.name, bytes: tensor.range.lowerBound - end)
            }
            end = tensor.range.upperBound
        }
        guard end == file.count else { throw .trailingBytes(path: file.path, bytes: file.count - end) }

        self.metadata = metadata
        self.tensors = tensors
        index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    }

    /// The tensor of this name, if the file has it.
    public subscript(name: String) -> TensorView? { index[name].map { tensors[$0] } }

    private static func metadata(_ value: JSONValue, path: String) throws(SafetensorsError) -> [String: String] {
        guard let members = value.object?.members else { throw .metadataNotStrings(path: path) }
        var result: [String: String] = [:]
        for (name, value) in members {
            guard let text = value.string else { throw .metadataNotStrings(path: path) }
            result[name] = text
        }
        return result
    }

    private static func tensor(
        _ name: String, _ value: JSONValue, file: MappedFile, dataStart: Int
    ) throws(SafetensorsError) -> TensorView {
        let path = file.path
        guard let fields = value.object else { throw .malformedEntry(path: path, tensor: name, field: "entry") }
        for (field, _) in fields.members where !["dtype", "shape", "data_offsets"].contains(field) {
            throw .malformedEntry(path: path, tensor: name, field: field)
        }
        guard let typeName = fields["dtype"]?.string else {
            throw .malformedEntry(path: path, tensor: name, field: "dtype")
        }
        guard let type = ElementType(rawValue: typeName) else {
            throw .unknownType(path: path, tensor: name, type: typeName)
        }
        guard let extents = fields["shape"]?.array else {
            throw .malformedEntry(path: path, tensor: name, field: "shape")
        }
        var shape: [Int] = []
        shape.reserveCapacity(extents.count)
        for extent in extents {
            guard case .integer(let value) = extent, value >= 0 else {
                throw .malformedEntry(path: path, tensor: name, field: "shape")
            }
            shape.append(value)
        }
        guard let offsets = fields["data_offsets"]?.array, offsets.count == 2,
            case .integer(let begin) = offsets[0], case .integer(let end) = offsets[1], begin >= 0, end >= 0
        else { throw .malformedEntry(path: path, tensor: name, field: "data_offsets") }
        guard begin <= end else { throw .offsetsReversed(path: path, tensor: name) }
        guard end <= file.count - dataStart else {
            throw .outOfRange(path: path, tensor: name, end: end, available: file.count - dataStart)
        }
        guard let elements = checkedProduct(shape) else { throw .shapeOverflow(path: path, tensor: name) }
        let (bits, overflow) = elements.multipliedReportingOverflow(by: type.bitWidth)
        guard !overflow, bits % 8 == 0 else { throw .shapeOverflow(path: path, tensor: name) }
        guard bits / 8 == end - begin else {
            throw .sizeMismatch(path: path, tensor: name, expected: bits / 8, found: end - begin)
        }
        return TensorView(
            name: name, type: type, shape: shape, range: dataStart + begin..<dataStart + end, file: file)
    }
}

/// The product of non-negative extents, or nil on overflow (also when a later zero would have hidden it).
func checkedProduct(_ extents: [Int]) -> Int? {
    var product = 1
    for extent in extents {
        let (value, overflow) = product.multipliedReportingOverflow(by: extent)
        guard !overflow else { return nil }
        product = value
    }
    return product
}
