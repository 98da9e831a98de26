extension QuantizedMatrix {
    private static let statePrefix = ".quant_state.bitsandbytes__"

    /// Whether `tensors` holds `weight` in a bitsandbytes layout (4-bit, or 8-bit, which loading then refuses).
    public static func isQuantized(_ weight: String, in tensors: TensorCollection) -> Bool {
        FourBitKind.allCases.contains { tensors[weight + statePrefix + $0.rawValue] != nil }
            || tensors[weight + ".absmax"] != nil || isEightBit(weight, in: tensors)
    }

    private static func isEightBit(_ weight: String, in tensors: TensorCollection) -> Bool {
        let module = weight.hasSuffix(".weight") ? String(weight.dropLast(7)) : weight
        return tensors[module + ".SCB"] != nil || tensors[module + ".weight_format"] != nil
    }

    /// Reads the weight named `weight` (e.g. `model.layers.0.mlp.up_proj.weight`) and its companions.
    ///
    /// Layout: `QuantState.as_dict(packed=True)` of bitsandbytes. The codes stay in the mapped file; the scales are
    /// decoded once, in f32, in the same order of operations as bitsandbytes (multiply, then add the offset).
    public init(_ weight: String, in tensors: TensorCollection) throws(QuantizationError) {
        guard let packed = tensors[weight] else { throw .missing(tensor: weight) }
        if Self.isEightBit(weight, in: tensors) { throw .eightBit(weight: weight) }
        let state = try QuantizationState(weight, in: tensors)
        let shape = state.shape
        guard shape.count == 2, shape.allSatisfy({ (1...ModelConfiguration.extentLimit).contains($0) }) else {
            throw .shape(weight: weight, shape)
        }
        let count = shape[0] * shape[1]  // both at most 2^28
        let codeBytes = (count + 1) / 2
        guard packed.byteCount == codeBytes else {
            throw .codeBytes(weight: weight, expected: codeBytes, found: packed.byteCount)
        }
        let blocks = (count + state.blockSize - 1) / state.blockSize

        self.name = weight
        self.kind = state.kind
        self.rows = shape[0]
        self.columns = shape[1]
        self.blockSize = state.blockSize
        self.format = state.format
        self.packed = packed
        codebook = try Self.codebook(weight, state.kind, in: tensors)
        scales = try Self.scales(weight, blocks: blocks, nested: state.nested, in: tensors)
        if let bad = scales.firstIndex(where: { !$0.isFinite }) { throw .scaleNotFinite(weight: weight, block: bad) }
    }

    /// bitsandbytes decodes with its built-in codes whatever the file holds; a file that disagrees is refused.
    private static func codebook(
        _ weight: String, _ kind: FourBitKind, in tensors: TensorCollection
    ) throws(QuantizationError) -> [Float] {
        let stored = try floats(weight + ".quant_map", count: 16, in: tensors)
        let codes = kind.codebook
        guard zip(stored, codes).allSatisfy({ abs($0 - $1) <= 1e-6 }) else {
            throw .codebook(weight: weight, kind: kind)
        }
        return codes
    }

    private static func scales(
        _ weight: String, blocks: Int, nested: QuantizationState.Nested?, in tensors: TensorCollection
    ) throws(QuantizationError) -> [Float] {
        guard let nested else { return try floats(weight + ".absmax", count: blocks, in: tensors) }
        guard let codes = tensors[weight + ".absmax"] else { throw .missing(tensor: weight + ".absmax") }
        guard codes.type == .u8 else { throw .wrongType(tensor: codes.name, type: codes.type) }
        guard codes.byteCount == blocks else {
            throw .count(tensor: codes.name, expected: blocks, found: codes.byteCount)
        }
        let groups = (blocks + nested.blockSize - 1) / nested.blockSize
        let maxima = try floats(weight + ".nested_absmax", count: groups, in: tensors)
        let map = try floats(weight + ".nested_quant_map", count: 256, in: tensors)
        return codes.withUnsafeBytes { bytes in
            [Float](unsafeUninitializedCapacity: blocks) { scales, count in
                for (group, maximum) in maxima.enumerated() {
                    let first = group * nested.blockSize
                    for block in first..<min(first + nested.blockSize, blocks) {
                        let product = map[Int(bytes[block])] * maximum
                        scales[block] = product + nested.offset
                    }
                }
                count = blocks
            }
        }
    }

    private static func floats(
        _ name: String, count: Int, in tensors: TensorCollection
    ) throws(QuantizationError) -> [Float] {
        guard let tensor = tensors[name] else { throw .missing(tensor: name) }
        guard tensor.elementCount == count else {
            throw .count(tensor: name, expected: count, found: tensor.elementCount)
        }
        guard tensor.type == .f32 else { throw .wrongType(tensor: name, type: tensor.type) }
        do { return try tensor.floats() } catch { throw .wrongType(tensor: name, type: tensor.type) }
    }
}

/// The JSON document that bitsandbytes stores as a byte tensor beside each 4-bit weight.
struct QuantizationState {
    /// The second level of double quantisation: 8-bit codes of the scales.
    struct Nested {
        var blockSize: Int
        var offset: Float
    }

    var kind: FourBitKind
    var blockSize: Int
    var format: FloatFormat
    var shape: [Int]
    var nested: Nested?

    init(_ weight: String, in tensors: TensorCollection) throws(QuantizationError) {
        let found = FourBitKind.allCases.compactMap { tensors[weight + ".quant_state.bitsandbytes__" + $0.rawValue] }
        guard let tensor = found.first, found.count == 1 else {
            throw .missing(tensor: weight + ".quant_state.bitsandbytes__nf4")
        }
        guard tensor.type == .u8 else { throw .wrongType(tensor: tensor.name, type: tensor.type) }
        let document: JSONValue
        do {
            document = try tensor.withUnsafeBytes { raw throws(JSONError) in try JSONValue(parsing: raw) }
        } catch {
            throw .stateNotJSON(weight: weight, error)
        }
        guard let fields = document.object else { throw .stateInvalid(weight: weight, field: "object") }

        guard let kindName = fields["quant_type"]?.string else {
            throw .stateInvalid(weight: weight, field: "quant_type")
        }
        guard let kind = FourBitKind(rawValue: kindName) else {
            throw .unsupportedKind(weight: weight, kind: kindName)
        }
        guard tensor.name.hasSuffix("__" + kindName) else { throw .stateInvalid(weight: weight, field: "quant_type") }
        guard let blockSize = fields["blocksize"]?.integer else {
            throw .stateInvalid(weight: weight, field: "blocksize")
        }
        guard (32...4096).contains(blockSize), blockSize & (blockSize - 1) == 0 else {
            throw .blockSize(weight: weight, blockSize)
        }
        guard let formatName = fields["dtype"]?.string else { throw .stateInvalid(weight: weight, field: "dtype") }
        guard let format = FloatFormat(torchName: formatName) else {
            throw .unsupportedFormat(weight: weight, name: formatName)
        }
        guard let extents = fields["shape"]?.array else { throw .stateInvalid(weight: weight, field: "shape") }
        let shape = extents.compactMap(\.integer)
        guard shape.count == extents.count else { throw .stateInvalid(weight: weight, field: "shape") }

        self.kind = kind
        self.blockSize = blockSize
        self.format = format
        self.shape = shape
        if tensors[weight + ".nested_absmax"] != nil || fields["nested_blocksize"] != nil {
            guard let size = fields["nested_blocksize"]?.integer, (1...65536).contains(size) else {
                throw .stateInvalid(weight: weight, field: "nested_blocksize")
            }
            guard fields["nested_dtype"]?.string.flatMap(FloatFormat.init(torchName:)) == .float32 else {
                throw .stateInvalid(weight: weight, field: "nested_dtype")
            }
            guard let offset = fields["nested_offset"]?.double, Float(offset).isFinite else {
                throw .stateInvalid(weight: weight, field: "nested_offset")
            }
            nested = Nested(blockSize: size, offset: Float(offset))
        }
    }
}
