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
