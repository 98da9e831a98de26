/// Why a request was not admitted.
public enum Refusal: Error, Equatable, Sendable {
    /// The predicted wait and service exceed the bound, or too many tokens wait.
    case overloaded(retryAfter: Duration)
    /// Not even an idle engine would be done by the caller's deadline.
    case deadlineTooShort(needed: Duration)
    /// More tokens than may wait at once.
    case tooManyTokens(limit: Int)
    /// Nothing is admitted any more.
    case draining
}
