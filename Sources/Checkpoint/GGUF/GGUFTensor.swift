/// One tensor of a GGUF file. Holding it keeps the file mapped.
public struct GGUFTensor: Sendable {
    /// The name in the file, e.g. `blk.0.attn_q.weight`.
    public let name: String
    public let type: GGUFTensorType
    /// Extents, outermost first: the file's order turned round. A linear weight is [out, in].
    public let shape: [Int]

    let range: Range<Int>
    let file: MappedFile

    /// The first extent, or 1 for a vector.
    public var rows: Int { shape.count == 1 ? 1 : shape[0] }
    /// Elements in one row.
    public var columns: Int { shape.count == 1 ? shape[0] : shape.dropFirst().reduce(1, *) }
    /// Elements in the tensor. The reader has checked that the product does not overflow.
    public var elementCount: Int { shape.reduce(1, *) }

    /// Decodes rows to f32: bit for bit what `gguf.dequantize` gives.
    /// - Parameters:
    ///   - rows: rows to decode, inside `0..<self.rows`.
    ///   - destination: at least `rows.count * columns` floats, written row after row.
    /// - Throws: ``GGUFError/unsupportedTensorType(tensor:type:)`` for a type that is not decoded here.
    public func readFloats(
        rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>
    ) throws(GGUFError) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows outside the tensor")
        let count = rows.count * columns
        precondition(destination.count >= count, "the destination is too small")
        guard GGUFTensorType.decodable.contains(type) else {
            throw .unsupportedTensorType(tensor: name, type: type)
        }
        // The innermost extent is a multiple of the block size, and so is a row.
        let rowBytes = columns / type.blockSize * type.blockBytes
        let start = range.lowerBound + rows.lowerBound * rowBytes
        file.withUnsafeBytes(start..<start + rows.count * rowBytes) { bytes in
            GGUFBlocks.decode(bytes, type, into: destination)
        }
    }

    /// Every element as f32, row-major.
    public func floats() throws(GGUFError) -> [Float] {
        guard GGUFTensorType.decodable.contains(type) else {
            throw .unsupportedTensorType(tensor: name, type: type)
        }
        var result = [Float](repeating: 0, count: elementCount)
        let rows = rows
        try result.withUnsafeMutableBufferPointer { buffer throws(GGUFError) in
            try readFloats(rows: 0..<rows, into: buffer)
        }
        return result
    }
}
