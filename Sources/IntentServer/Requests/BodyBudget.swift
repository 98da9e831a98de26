import Synchronization

/// Bounds the bytes of all request bodies that are held at once, so that many clients sending large ones cannot
/// exhaust memory together.
final class BodyBudget: Sendable {
    private let limit: Int
    private let held = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Takes `bytes` out of the budget; false if there are not so many left.
    func take(_ bytes: Int) -> Bool {
        let (_, total) = held.add(bytes, ordering: .relaxed)
        if total <= limit { return true }
        held.subtract(bytes, ordering: .relaxed)
        return false
    }

    /// Puts back what was taken.
    func give(_ bytes: Int) { held.subtract(bytes, ordering: .relaxed) }
}
