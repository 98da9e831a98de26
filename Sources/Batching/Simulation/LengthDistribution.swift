#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// How many tokens messages have.
public enum LengthDistribution: Sendable {
    case constant(Int)
    /// Most messages are near the median, few are several times as long.
    case logNormal(median: Double, sigma: Double, longest: Int)
    /// Pareto, cut at the longest: a few messages hold much of the work.
    case heavyTailed(shortest: Double, exponent: Double, longest: Int)
    /// One of these, each as likely as it is in the list: lengths of real messages.
    case measured([Int])

    /// One message's tokens, at least 1.
    func sample(_ random: inout SeededGenerator) -> Int {
        switch self {
        case .constant(let tokens): max(tokens, 1)
        case .logNormal(let median, let sigma, let longest):
            Self.bounded(median * exp(sigma * random.normal()), longest)
        case .heavyTailed(let shortest, let exponent, let longest):
            Self.bounded(shortest * pow(random.unit(), -1 / exponent), longest)
        case .measured(let lengths): max(lengths.randomElement(using: &random) ?? 1, 1)
        }
    }

    private static func bounded(_ value: Double, _ longest: Int) -> Int {
        Int(min(max(value, 1), Double(max(longest, 1))).rounded())
    }
}
