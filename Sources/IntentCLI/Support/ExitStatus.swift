import ArgumentParser

/// Exit statuses beside success (0), failure (1) and wrong usage (64); `intentd --help` lists them.
enum ExitStatus {
    /// Some records could not be scored.
    static let badRecords = ExitCode(3)
    /// The reader of standard output went away: what a shell shows for a process that SIGPIPE ended.
    static let outputClosed = ExitCode(141)
    /// Ended by a signal, as a shell shows it.
    static func interrupted(by signal: Int32) -> ExitCode { ExitCode(128 + signal) }
}
