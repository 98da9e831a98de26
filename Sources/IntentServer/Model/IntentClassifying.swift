/// What the routes need of a model: the engine behind batching, or a stand-in in tests.
protocol IntentClassifying: Sendable {
    /// The model that serves now; nil before it is loaded and tested, and after it has stopped.
    var model: ModelSummary? { get }

    /// Refuses a message by its length alone, where admission would refuse it whatever it says.
    /// - Parameter bytes: of the message in UTF-8.
    /// - Returns: when to try again; nil if `classify` has to be asked.
    func refuseUnread(bytes: Int, arrival: ContinuousClock.Instant) -> Duration?

    /// Classifies the messages of one request, all or none. Cancelling the task takes what waits out of the queue.
    /// - Parameters:
    ///   - arrival: when the request reached the process; the latency bound counts from here.
    ///   - deadline: the client's own, which can only shorten the bound.
    /// - Returns: one answer a message, in order.
    func classify(
        _ texts: [String], arrival: ContinuousClock.Instant, deadline: ContinuousClock.Instant?
    ) async throws(ClassificationFailure) -> [MessageAnswer]
}

/// Which model answered.
struct ModelIdentity: Sendable, Equatable {
    var name: String
    var version: String
}

/// What answers, metrics and documents say of a model.
struct ModelSummary: Sendable, Equatable {
    var identity: ModelIdentity
    /// Intents in the head's order.
    var labels: [String]
    var architecture: String
    var precision: String
    /// The kernels' instruction-set level.
    var kernels: String
    var threads: Int
    var weightBytes: Int
    /// Tokens of a message that are read.
    var maximumTokens: Int
    /// Below this confidence the answer is an abstention, unless the request says otherwise.
    var defaultThreshold: Float
    /// 1 for the first model, one more for each replacement.
    var generation: Int
}

/// What the model says of one message.
struct MessageAnswer: Sendable {
    /// The head's outputs and the calibrated probabilities, one a label.
    var logits: [Float]
    var probabilities: [Float]
    /// True if the message does not look like what the model was trained on.
    var isOutOfScope: Bool
    /// Tokens that were read, and whether the message was longer.
    var tokens: Int
    var truncated: Bool
    /// The model that computed it.
    var model: ModelSummary
    /// From arrival to the start of its batch, and the time of its batch.
    var queueTime: Duration
    var computeTime: Duration
}

/// Why a request was not classified.
enum ClassificationFailure: Error, Sendable, Equatable {
    /// The message at this index has nothing but white space.
    case emptyMessage(index: Int)
    /// Refused by admission.
    case overloaded(retryAfter: Duration)
    /// The deadline passed, or could not be met.
    case deadlineExceeded
    /// More tokens in one request than may ever wait.
    case tooManyTokens(tokens: Int, limit: Int)
    case starting
    case draining
    /// The client left.
    case abandoned
    /// The engine could not answer; the text is for the log.
    case failed(String)
}
