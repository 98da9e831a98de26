/// One message in the scheduler. Times are seconds since the scheduler's origin.
public struct Request<Payload> {
    /// Numbers requests in the order of admission.
    public let id: Int
    public let tokens: Int
    let arrival: Double
    /// When the engine must be done with it.
    let deadline: Double
    public let payload: Payload

    /// Deadline order; of equals, who came first.
    func precedes(_ other: Request) -> Bool { (deadline, id) < (other.deadline, other.id) }
}

extension Request: Sendable where Payload: Sendable {}
