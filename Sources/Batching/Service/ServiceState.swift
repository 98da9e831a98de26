/// The life of an `EngineService`.
public enum ServiceState: Sendable, Equatable {
    /// The model is being loaded and tested; nothing is admitted.
    case starting
    /// Requests are admitted.
    case ready
    /// Nothing more is admitted; what was admitted is being served.
    case draining
    /// The engine thread has ended.
    case stopped
    /// The model could not be loaded, or the engine hangs. The process should be restarted.
    case failed(reason: String)
}
