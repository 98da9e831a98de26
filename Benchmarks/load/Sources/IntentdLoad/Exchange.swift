import NIOCore

/// One request and what came of it.
struct Exchange {
    /// Which message it carries, and the request's body.
    let message: Int
    let body: ByteBuffer
    /// When it should have been sent: latency counts from here, whether or not the client was able to.
    let intended: NIODeadline
}

/// A response, or why there is none.
enum Outcome {
    /// - Parameter engine: what the service says of its wait and its compute (`Server-Timing`), milliseconds; nil if it
    ///   says nothing.
    case response(status: Int, body: ByteBuffer, engine: Double?)
    case failed
}
