#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// How near to a deadline admission may go: an account of expected misses.
///
/// Every admitted call pays in what the promise allows, and takes out the probability with which it will itself be
/// late. While few calls are near their deadline (low load), what the others leave unused lets these few in with a
/// small margin; when all are (overload), each gets only what it pays in, which is a margin of more than a thousandth's
/// quantile. Either way the expected part of late answers stays below `allowedMisses`.
///
/// The probability: errors above the prediction are taken to be exponential, through the quantile that
/// `MarginTracker` follows, which one in `1 / MarginTracker.exceedance` exceeds.
struct RiskBudget: Sendable {
    /// Expected misses that were paid for and not used.
    private(set) var saved = 0.0

    /// Of the promised one in a thousand: the rest is for what no prediction covers.
    private static let allowedMisses = 0.0002
    /// No more is saved: what a sudden overload after a quiet time can cost is part of one miss.
    private static let largestSaving = 0.25
    /// The probability of missing that no call may exceed.
    private static let largestRisk = 0.05

    /// The probability of missing that the next call may have.
    private var allowed: Double { min(Self.allowedMisses + saved, Self.largestRisk) }

    /// The part of the tracked margin that has to be kept free.
    var marginScale: Double { log(allowed) / log(MarginTracker.exceedance) }

    /// The probability that work which is expected to end `slack` seconds before its deadline ends after it.
    static func risk(slack: Double, margin: Double) -> Double {
        guard slack > 0 else { return 1 }
        guard margin > 0 else { return 0 }
        return exp(log(MarginTracker.exceedance) * slack / margin)
    }

    /// A call with this probability of missing was admitted.
    mutating func charge(_ risk: Double) {
        saved = min(max(saved + Self.allowedMisses - min(risk, allowed), 0), Self.largestSaving)
    }
}
