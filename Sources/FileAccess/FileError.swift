#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Why a file could not be opened, read, mapped or written.
public enum FileError: Error, Equatable, CustomStringConvertible {
    /// What was being done when the system refused.
    public enum Operation: String, Sendable { case open, read, map, write, create, rename, remove, lock }

    case notFound(path: String)
    case notARegularFile(path: String)
    case tooLarge(path: String)
    /// Larger than what such a file may be.
    case overLimit(path: String, bytes: Int, limit: Int)
    case diskFull(path: String)
    case system(Operation, path: String, code: Int32, message: String)

    /// The error for the calling thread's current `errno`.
    package static func last(_ operation: Operation, _ path: String) -> FileError {
        let code = errno
        switch code {
        case ENOENT: return .notFound(path: path)
        case ENOSPC, EDQUOT: return .diskFull(path: path)
        default: return .system(operation, path: path, code: code, message: String(cString: strerror(code)))
        }
    }

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .notFound(let path): "\(path): no such file"
        case .notARegularFile(let path): "\(path): not a regular file"
        case .tooLarge(let path): "\(path): too large to be read"
        case .overLimit(let path, let bytes, let limit): "\(path): \(bytes) bytes; the limit is \(limit)"
        case .diskFull(let path): "\(path): the disk is full; free some space and run again"
        case .system(let operation, let path, _, let message): "\(path): cannot \(operation.rawValue): \(message)"
        }
    }
}
