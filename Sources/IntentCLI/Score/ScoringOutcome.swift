/// How a scoring run ended.
struct ScoringOutcome: Sendable {
    /// What was written.
    struct Counts: Sendable, Equatable {
        /// Records answered, bad ones included.
        var lines = 0
        /// Records that could not be scored.
        var failures = 0
        /// Tokens of the others.
        var tokens = 0
    }

    var counts = Counts()
    /// Why the input could not be read to its end.
    var inputFailure: String?
    /// Why the output could not be written.
    var outputFailure: OutputError?
    /// The signal that stopped the run.
    var signal: Int32?
}
