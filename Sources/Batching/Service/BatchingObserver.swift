/// Hears what the service does. Each call must be cheap (counters and histograms): the engine waits for it.
///
/// What a caller is told (refusals, expiry, cancellation) is not repeated here: count it where `classify` returns.
public protocol BatchingObserver: Sendable {
    /// On the engine thread, after a batch was answered.
    func batchFinished(_ report: BatchReport)
    /// On whatever thread changed it, in order.
    func stateChanged(_ state: ServiceState)
    /// On the engine thread: the first model, or a replacement, serves from now on.
    func modelChanged(_ model: ServedModel)
}
