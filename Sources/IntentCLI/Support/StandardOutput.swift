import Glibc

/// Standard output for a command that has one answer: an answer that cannot be written is an error.
enum StandardOutput {
    /// Writes `text` and a line feed.
    /// - Throws: ``ExitStatus/outputClosed`` if its reader is gone, `OutputError` if it cannot be written.
    static func write(_ text: String) throws {
        var writer = OutputWriter(descriptor: STDOUT_FILENO)
        do throws(OutputError) {
            try writer.writeLine(text)
            try writer.flush()
        } catch .closed {
            throw ExitStatus.outputClosed
        }
    }
}
