public import FileAccess

/// Reads small JSON documents (configurations, indexes) with a cap on their size.
public enum JSONFile {
    /// Largest file accepted where nothing else is said, in bytes.
    public static let limit = RegularFile.documentLimit

    /// Reads and parses the document at `path`.
    /// - Parameter limit: largest file accepted, in bytes.
    public static func read(_ path: String, limit: Int = limit) throws(JSONFileError) -> JSONValue {
        let bytes: [UInt8]
        do { bytes = try RegularFile.contents(path, limit: limit) } catch { throw .file(error) }
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
    case json(path: String, JSONError)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .file(let error): error.description
        case .json(let path, let error): "\(path): \(error)"
        }
    }
}
