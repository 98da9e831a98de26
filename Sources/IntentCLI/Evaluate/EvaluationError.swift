import Glibc

/// Why a file could not be evaluated.
enum EvaluationError: Error, Equatable, CustomStringConvertible {
    case cannotOpen(path: String, errno: Int32)
    case unreadable(path: String, reason: String)
    case badRow(path: String, line: Int, reason: String)
    /// The file holds plain text.
    case noLabels(path: String, field: String)
    /// `line` is that of the first such row.
    case unknownLabels(path: String, rows: Int, line: Int, names: [String])
    /// The model has two labels of this name.
    case ambiguousLabel(String)
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
        case .unknownLabels(let path, let rows, let line, let names):
            "\(path): \(rows) rows have labels that the model does not know"
                + Self.shown(names, line: line)
                + "; mark messages that the model should abstain on with --out-of-scope-label"
        case .ambiguousLabel(let name): "the model has two labels '\(name)', which rows cannot tell apart"
        case .empty(let path): "\(path) has no labelled rows"
        case .notClassified(let path, let line, let reason): "\(path), line \(line): \(reason)"
        case .cannotWrite(let path, let reason): "\(path): \(reason)"
        }
    }

    /// Some of the labels, or where the first is. Who names the wrong column has messages for labels: what has spaces
    /// or is long may be one, and is not shown.
    private static func shown(_ names: [String], line: Int) -> String {
        let plain = names.filter { $0.utf8.count <= 64 && !$0.contains(where: \.isWhitespace) }.prefix(5)
        if plain.isEmpty { return ", first in line \(line)" }
        return ": " + plain.joined(separator: ", ") + (names.count > plain.count ? ", ..." : "")
    }
}
