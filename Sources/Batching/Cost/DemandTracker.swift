#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// How much work arrives, in seconds of compute a second: below 1 the engine can do it all, above it cannot.
///
/// An exponentially decaying sum of the work offered, refused or not, over its time constant.
struct DemandTracker: Sendable {
    private var work = 0.0
    private var time = 0.0

    /// Seconds over which demand is averaged: some batches long, so that one burst is not taken for overload.
    private static let timeConstant = 0.5

    /// - Parameter seconds: predicted compute of what arrives, as part of a full batch.
    mutating func add(seconds: Double, now: Double) {
        if now > time {
            work *= exp((time - now) / Self.timeConstant)
            time = now
        }
        work += seconds
    }

    /// Seconds of work a second.
    var load: Double { work / Self.timeConstant }
}
