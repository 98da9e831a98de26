/// Wishes for another model, by signal or by a changed folder.
struct ReplacementRequests: Sendable {
    let stream: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() {
        // One that waits stands for all that come while a replacement is running.
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// - Parameter reason: for the log.
    func ask(_ reason: String) { continuation.yield(reason) }
}
