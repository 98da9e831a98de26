import Glibc

/// Why a file could not be evaluated.
enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, errno: Int32)
    case unreadable(path: String, reason: String)
    case badRow(path: String, line: Int, reason: String)
    /// The file holds plain text.
    case noLabels(path: String, field: String)
    case unknownLabels(path: String, rows: Int, names: [String])
    case empty(path: String)
    case notClassified(path: String, line: Int, reason: String)
    case cannotWrite(path: String, reason: String)

    var description: String {
        switch self {
        case .cannotOpen(let path, let code): "\(path): \(String(cString: strerror(code)))"
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .badRow(let path, let line, let reason): "\(path), line \(line): \(reason)"
        case .noLabels(let path, let field):
            "\(path) has no labels: it must be CSV or JSON Lines with a message and a '\(field)' in each row"
        case .unknownLabels(let path, let rows, let names):
            "\(path): \(rows) rows have labels that the model does not know: "
                + names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", ..." : "")
                + "; mark messages that the model should abstain on with --out-of-scope-label"
        case .empty(let path): "\(path) has no labelled rows"
        case .notClassified(let path, let line, let reason): "\(path), line \(line): \(reason)"
        case .cannotWrite(let path, let reason): "\(path): \(reason)"
        }
    }
}
