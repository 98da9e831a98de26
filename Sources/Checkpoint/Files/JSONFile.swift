/// Reads small JSON documents (configurations, indexes) with a cap on their size.
public enum JSONFile {
    /// Reads and parses the document at `path`.
    /// - Parameter limit: largest file accepted, in bytes.
    public static func read(_ path: String, limit: Int = 16_000_000) throws(JSONFileError) -> JSONValue {
        let size: Int
        let bytes: [UInt8]
        do {
            // Not mapped: such files are small, and may be written over in place while a server reads them.
            (size, bytes) = try RegularFile.withDescriptor(path) { descriptor, size throws(FileError) in
                guard size <= limit else { return (size, []) }
                return (size, try RegularFile.bytes(size, descriptor, path))
            }
        } catch {
            throw .file(error)
        }
        guard size <= limit else { throw .tooLarge(path: path, bytes: size, limit: limit) }
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw .json(path: path, error)
        }
    }
}

/// Why a JSON file was refused.
public enum JSONFileError: Error, Equatable, CustomStringConvertible {
    case file(FileError)
    case tooLarge(path: String, bytes: Int, limit: Int)
    case json(path: String, JSONError)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .file(let error): error.description
        case .tooLarge(let path, let bytes, let limit): "\(path): \(bytes) bytes; the limit is \(limit)"
        case .json(let path, let error): "\(path): \(error)"
        }
    }
}
