/// A 95 % confidence interval of a share (Wilson 1927): unlike the normal one it stays inside 0...1 and holds for
/// shares near the ends.
struct WilsonInterval: Sendable, Equatable, Encodable {
    let lower: Double
    let upper: Double

    /// The 97.5 % quantile of the normal distribution.
    private static let z = 1.959963984540054

    /// - Parameters:
    ///   - successes: `0...count`.
    ///   - count: trials; with none, nothing is known: 0...1.
    init(successes: Int, of count: Int) {
        guard count > 0 else {
            (lower, upper) = (0, 1)
            return
        }
        let n = Double(count), share = Double(successes) / n, square = Self.z * Self.z
        let centre = (share + square / (2 * n)) / (1 + square / n)
        let half = Self.z / (1 + square / n) * (share * (1 - share) / n + square / (4 * n * n)).squareRoot()
        lower = max(0, centre - half)
        upper = min(1, centre + half)
    }
}
