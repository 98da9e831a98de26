internal import FileAccess

/// A tensor to be written: what the header says of it, and where its bytes come from.
struct SafetensorsContent<Failure: Error> {
    let name: String
    let type: ElementType
    let shape: [Int]
    /// Writes the tensor's bytes, `byteCount` of them.
    let write: (inout FileWriter) throws(Failure) -> Void

    /// Bytes that `type` and `shape` call for.
    var byteCount: Int { shape.reduce(1, *) * type.bitWidth / 8 }
}

/// Writes safetensors files in the bytes that the reference implementation gives for the same tensors.
enum SafetensorsWriter {
    /// Writes header and tensors.
    ///
    /// Tensors are ordered as `safetensors::serialize` does: wide types first (the reverse order of the cases of
    /// ``ElementType``), names ascending among one type; the header is padded with spaces to a multiple of 8.
    static func write<Failure: Error>(
        _ tensors: [SafetensorsContent<Failure>], metadata: [(String, String)], to file: inout FileWriter,
        wrapping: (FileError) -> Failure
    ) throws(Failure) {
        let rank = Dictionary(uniqueKeysWithValues: ElementType.allCases.enumerated().map { ($1, $0) })
        let ordered = tensors.sorted { left, right in
            let (a, b) = (rank[left.type] ?? 0, rank[right.type] ?? 0)
            return a != b ? a > b : Array(left.name.utf8).lexicographicallyPrecedes(Array(right.name.utf8))
        }
        var header = header(ordered, metadata: metadata)
        header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
        do throws(FileError) {
            try file.write((0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) })
            try file.write(header)
        } catch {
            throw wrapping(error)
        }
        for tensor in ordered {
            let start = file.count
            try tensor.write(&file)
            precondition(file.count - start == tensor.byteCount, "\(tensor.name): wrote another number of bytes")
        }
    }

    private static func header<Failure: Error>(
        _ tensors: [SafetensorsContent<Failure>], metadata: [(String, String)]
    ) -> [UInt8] {
        var header = JSONValue.Object()
        if !metadata.isEmpty {
            var members = JSONValue.Object()
            for (name, value) in metadata { members[name] = .string(value) }
            header["__metadata__"] = .object(members)
        }
        var offset = 0
        for tensor in tensors {
            var entry = JSONValue.Object()
            entry["dtype"] = .string(tensor.type.rawValue)
            entry["shape"] = .array(tensor.shape.map { .integer($0) })
            entry["data_offsets"] = .array([.integer(offset), .integer(offset + tensor.byteCount)])
            header[tensor.name] = .object(entry)
            offset += tensor.byteCount
        }
        return Array(JSONValue.object(header).text(.compact).utf8)
    }
}
