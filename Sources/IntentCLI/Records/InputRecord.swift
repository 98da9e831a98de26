/// One message read from a stream, or what was wrong with the place where one should have been.
struct InputRecord: Equatable {
    /// The line it starts on, counted from 1.
    var line: Int
    /// The caller's identifier as a JSON value ready to print (`"a"`, `17`); the line number when it gave none.
    var id: String
    /// The message, or the reason why there is none. The reason never repeats what the line held.
    var text: Result<String, RecordError>
    /// The label that the reader was asked for.
    var label: String?
}

/// Why a record holds no message.
struct RecordError: Error, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
