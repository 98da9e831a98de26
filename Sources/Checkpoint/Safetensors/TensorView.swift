/// One named tensor inside a mapped file: its type, shape and bytes. Holding the view keeps the file mapped.
public struct TensorView: Sendable {
    /// The name in the file.
    public let name: String
    public let type: ElementType
    /// Extents, outermost first; empty for a scalar.
    public let shape: [Int]
    /// Where the bytes lie in ``file``.
    public let range: Range<Int>
    public let file: MappedFile

    /// Elements in the tensor. The reader has checked that the product does not overflow.
    public var elementCount: Int { shape.reduce(1, *) }
    /// Bytes in the tensor.
    public var byteCount: Int { range.count }
    /// The first extent, or 1 for a scalar.
    public var rows: Int { shape.first ?? 1 }
    /// Elements in one row: the product of the extents after the first.
    public var columns: Int { shape.dropFirst().reduce(1, *) }

    /// Calls `body` with the tensor's bytes (little-endian, row-major); the pointer is valid only inside the call.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try file.withUnsafeBytes(range, body)
    }

    /// A copy of the tensor's bytes.
    public func bytes() -> [UInt8] { file.bytes(range) }

    /// The same tensor in memory of its own, which holds nothing else of the file.
    func detached() throws(SafetensorsError) -> TensorView {
        let copy: MappedFile
        do { copy = try MappedFile(copying: range, of: file) } catch { throw .file(error) }
        return TensorView(name: name, type: type, shape: shape, range: 0..<range.count, file: copy)
    }

    /// Tells the system that the tensor will not be read again soon: its pages no longer count as this process's memory.
    /// Reading it later is right, but starts from the file.
    public func releasePages() { file.release(range) }

    /// Converts rows of an F32, F16 or BF16 tensor to `Float`, exactly.
    /// - Parameters:
    ///   - rows: rows to convert, inside `0..<self.rows`.
    ///   - destination: at least `rows.count * columns` floats, written row after row.
    /// - Throws: ``SafetensorsError/notFloatingPoint(tensor:type:)`` for another element type.
    public func readFloats(rows: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>)
        throws(SafetensorsError)
    {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows outside the tensor")
        try readFloats(elements: rows.lowerBound * columns..<rows.upperBound * columns, into: destination)
    }

    /// Converts a run of elements, counted in row-major order, to `Float`, exactly.
    public func readFloats(elements: Range<Int>, into destination: UnsafeMutableBufferPointer<Float>)
        throws(SafetensorsError)
    {
        guard let format = type.floatFormat else { throw .notFloatingPoint(tensor: name, type: type) }
        precondition(elements.lowerBound >= 0 && elements.upperBound <= elementCount, "elements outside the tensor")
        precondition(destination.count >= elements.count, "the destination is too small")
        let width = format.byteWidth
        let start = range.lowerBound + elements.lowerBound * width
        file.withUnsafeBytes(start..<start + elements.count * width) { bytes in
            format.decode(bytes, into: destination)
        }
    }

    /// Every element as `Float`.
    public func floats() throws(SafetensorsError) -> [Float] {
        guard type.floatFormat != nil else { throw .notFloatingPoint(tensor: name, type: type) }
        var result = [Float](repeating: 0, count: elementCount)
        let all = 0..<result.count
        try result.withUnsafeMutableBufferPointer { buffer throws(SafetensorsError) in
            try readFloats(elements: all, into: buffer)
        }
        return result
    }
}

extension FloatFormat {
    /// Decodes little-endian numbers; reads `source.count / byteWidth` of them. The source need not be aligned.
    public func decode(_ source: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<Float>) {
        let count = source.count / byteWidth
        precondition(destination.count >= count, "the destination is too small")
        guard count > 0, let input = source.baseAddress, let output = destination.baseAddress else { return }
        switch self {
        case .float32:
            UnsafeMutableRawPointer(output).copyMemory(from: input, byteCount: count * 4)
        case .bfloat16:
            for index in 0..<count {
                output[index] = BFloat16Bits.decode(input.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
            }
        case .float16:
            for index in 0..<count {
                output[index] = Float16Bits.decode(input.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
            }
        }
    }
}
