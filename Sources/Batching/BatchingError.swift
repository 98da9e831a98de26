public import Engine

/// Why a request was not answered. Messages never hold customer text.
public enum BatchingError: Error, Equatable, CustomStringConvertible {
    /// Refused before queueing: the predicted wait and service exceed the bound, or the queue is full (HTTP 429).
    /// - Parameter retryAfter: the predicted time until what waits now has been served.
    case overloaded(retryAfter: Duration)
    /// Refused before queueing: even an idle engine could not answer by the caller's own deadline (HTTP 504).
    /// - Parameter needed: the predicted time that an idle engine takes.
    case deadlineTooShort(needed: Duration)
    /// The deadline passed while the request waited; it cost no compute (HTTP 504).
    case deadlineExceeded
    /// One call holds more tokens than may ever wait; split it (HTTP 413).
    case tooManyTokens(tokens: Int, limit: Int)
    /// The service is shutting down and admits nothing (HTTP 503).
    case draining
    /// The model is not loaded yet, or the service has failed (HTTP 503).
    case notReady
    /// The caller's task was cancelled; a waiting request has left the queue.
    case cancelled
    /// The engine refused the message, or the model could not be loaded.
    case engine(EngineError)
    /// A freshly loaded model gave wrong answers; it was not put in service.
    case selfTestFailed(String)
    /// The replacement reads text differently from the model in service; restart to change the base model.
    case incompatibleReplacement(String)
    /// Another replacement is being loaded.
    case replacementInProgress

    public var description: String {
        switch self {
        case .overloaded(let retryAfter): "the service is at capacity; try again in \(retryAfter.milliseconds) ms"
        case .deadlineTooShort(let needed):
            "the deadline cannot be met: this request takes \(needed.milliseconds) ms on an idle engine"
        case .deadlineExceeded: "the deadline passed before the request was computed"
        case .tooManyTokens(let tokens, let limit):
            "the request has \(tokens) tokens; at most \(limit) may wait at once, so send it in parts"
        case .draining: "the service is shutting down"
        case .notReady: "the model is not ready"
        case .cancelled: "the caller left"
        case .engine(let error): error.description
        case .selfTestFailed(let reason): "the model failed its self-test: \(reason)"
        case .incompatibleReplacement(let reason): "the model cannot replace the one in service: \(reason)"
        case .replacementInProgress: "another model is being loaded"
        }
    }
}
