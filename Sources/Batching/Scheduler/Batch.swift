/// Requests that run together.
public struct Batch<Payload> {
    public let requests: [Request<Payload>]
    public let tokens: Int
    /// What the cost model expects, without margin.
    public let predictedTime: Duration
    /// Each request's time from arrival to the batch's start.
    public let queueTimes: [Duration]
}

extension Batch: Sendable where Payload: Sendable {}
