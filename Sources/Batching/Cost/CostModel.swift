/// Predicts how long a batch of n tokens takes: pace * (fixed + perToken * n), and how far that can be off.
///
/// Three parts learn at different speeds, so that each does one job:
/// - `fixed` and `perToken`, the shape, are a weighted least-squares line over past batches with exponential
///   forgetting. Weights are 1/predicted^2, so small and large batches count alike. Two pseudo-observations of the
///   warm-up, scaled to the observed speed, stay in the sums: the line is determined even if every batch has one size.
/// - `pace` follows changes of the machine's speed (another process takes a core) within a few batches: the median of
///   the last three ratios of actual to predicted time, so one outlier does not move it, exponentially smoothed, fast
///   once the median says that the speed has changed.
/// - `margin` is a high quantile of what is left (`MarginTracker`).
///
/// Times are seconds.
public struct CostModel: Sendable {
    /// The line's intercept (seconds) and slope (seconds a token), before `pace`.
    public private(set) var fixed: Double
    public private(set) var perToken: Double
    /// The machine's present slowness relative to the line; 1 is as the line says.
    public private(set) var pace = 1.0
    /// The quantile of the prediction's error.
    public private(set) var margin: MarginTracker

    private let priorFixed: Double
    private let priorPerToken: Double
    /// Mean ratio of the observed times to the warm-up's.
    private var priorScale = 1.0
    private var sums = WeightedSums()
    private var recentRatios: [Double] = []

    /// Observations are forgotten with a half-life of about 140 batches.
    private static let forgetting = 0.995
    /// Weight of each of the two pseudo-observations, in batches.
    private static let priorWeight = 4.0
    /// Sizes of the pseudo-observations, tokens.
    private static let priorSizes = [8.0, 256.0]
    /// A change of pace beyond this is followed fast.
    private static let paceTolerance = 0.2
    private static let slowSmoothing = 0.1
    private static let fastSmoothing = 0.6
    /// An observation moves the line as if it were off by at most this factor.
    private static let largestShapeRatio = 2.0

    /// A model that knows only what a warm-up measured.
    /// - Parameter marginCeiling: the margin never exceeds this: what an admission can give away at most.
    public init(fixed: Duration, perToken: Duration, marginCeiling: Duration) {
        self.fixed = max(fixed.inSeconds, 0)
        self.perToken = max(perToken.inSeconds, Self.smallestSlope)
        priorFixed = self.fixed
        priorPerToken = self.perToken
        margin = MarginTracker(ceiling: marginCeiling.inSeconds)
    }

    /// A slope of zero would let a batch grow without end.
    private static let smallestSlope = 1e-8

    /// Predicted seconds of a batch, without margin.
    public func seconds(tokens: Int) -> Double { pace * (fixed + perToken * Double(tokens)) }

    /// The part of each batch's predicted time that its size does not change: what company in a batch saves.
    var fixedSeconds: Double { pace * fixed }

    /// The most tokens whose predicted time is at most `seconds`; 0 if none are.
    public func tokens(within seconds: Double) -> Int {
        let tokens = (seconds / pace - fixed) / perToken
        guard tokens > 0 else { return 0 }
        return tokens < 1e9 ? Int(tokens) : 1_000_000_000
    }

    /// Learns from a finished batch.
    public mutating func observe(tokens: Int, seconds: Double) {
        guard seconds > 0, seconds.isFinite, tokens > 0 else { return }
        let predicted = self.seconds(tokens: tokens)
        margin.observe(error: seconds - predicted, predicted: predicted)
        updatePace(seconds / (fixed + perToken * Double(tokens)))
        updateShape(tokens: Double(tokens), seconds: seconds, expected: self.seconds(tokens: tokens))
    }

    /// Forgets slowness after a time without batches: what held the machine up then may be gone, and if every request
    /// were refused on an old belief, nothing would ever correct it.
    public mutating func relax(idleSeconds: Double) {
        guard pace > 1, idleSeconds > 0 else { return }
        pace = max(1, pace / (1 + idleSeconds))
        recentRatios.removeAll()
    }

    private mutating func updatePace(_ ratio: Double) {
        recentRatios.append(ratio)
        if recentRatios.count > 3 { recentRatios.removeFirst() }
        let median = recentRatios.sorted()[recentRatios.count / 2]
        let changed = abs(median / pace - 1) > Self.paceTolerance
        pace += (changed ? Self.fastSmoothing : Self.slowSmoothing) * (median - pace)
    }

    private mutating func updateShape(tokens: Double, seconds: Double, expected: Double) {
        let time = min(max(seconds, expected / Self.largestShapeRatio), expected * Self.largestShapeRatio)
        let ratio = time / (priorFixed + priorPerToken * tokens)
        priorScale += (1 - Self.forgetting) * (ratio - priorScale)
        sums.scale(by: Self.forgetting)
        sums.add(x: tokens, y: time, weight: 1 / (expected * expected))
        var all = sums
        for size in Self.priorSizes {
            let time = priorScale * (priorFixed + priorPerToken * size)
            all.add(x: size, y: time, weight: Self.priorWeight / (time * time))
        }
        (fixed, perToken) = all.line(smallestSlope: Self.smallestSlope)
    }
}

/// Sums of a weighted least-squares line through (x, y).
private struct WeightedSums: Sendable {
    private var w = 0.0, wx = 0.0, wxx = 0.0, wy = 0.0, wxy = 0.0

    mutating func scale(by factor: Double) {
        w *= factor
        wx *= factor
        wxx *= factor
        wy *= factor
        wxy *= factor
    }

    mutating func add(x: Double, y: Double, weight: Double) {
        w += weight
        wx += weight * x
        wxx += weight * x * x
        wy += weight * y
        wxy += weight * x * y
    }

    /// Intercept and slope, neither negative.
    func line(smallestSlope: Double) -> (Double, Double) {
        let slope = (w * wxy - wx * wy) / (w * wxx - wx * wx)
        let intercept = (wy - slope * wx) / w
        if !(slope > smallestSlope) { return (wy / w, smallestSlope) }
        if intercept < 0 { return (0, wxy / wxx) }
        return (intercept, slope)
    }
}
