import ArgumentParser

/// How standard input holds its messages.
enum RecordFormat: String, CaseIterable, ExpressibleByArgument {
    /// Decided from the first line: an object is `jsonl`, a header that names the text field is `csv`, else `text`.
    case auto
    /// One message a line.
    case text
    /// One JSON object a line.
    case jsonl
    /// RFC 4180 with a header line.
    case csv
}
