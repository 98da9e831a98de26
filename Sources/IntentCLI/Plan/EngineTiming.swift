import Batching
import Engine

/// How long this machine's engine takes: a + b * tokens.
struct EngineTiming: Equatable {
    /// Milliseconds of any batch, and of each of its tokens.
    var fixed: Double
    var perToken: Double

    /// Runs of each size; the median counts.
    private static let repeats = 7
    private static let sizes = [16, 64, 128, 256, 512]

    init(fixed: Double, perToken: Double) {
        self.fixed = fixed
        self.perToken = perToken
    }

    /// Times batches of ordinary messages of 16 tokens and fits a line (least squares).
    init(measuring engine: IntentEngine) {
        // Any ids will do: the time depends on their number alone.
        let message = TokenizedMessage(ids: (0..<16).map { Int32($0 + 5) })
        let times = Self.sizes.map { size -> Double in
            let batch = [TokenizedMessage](repeating: message, count: size / message.ids.count)
            _ = engine.classify(batch)
            let samples = (0..<Self.repeats).map { _ in
                ContinuousClock().measure { _ = engine.classify(batch) }.inSeconds * 1000
            }
            return samples.sorted()[Self.repeats / 2]
        }
        self.init(fitting: zip(Self.sizes.map(Double.init), times).map { ($0, $1) })
    }

    /// The line nearest to (tokens, milliseconds); never a negative time.
    init(fitting points: [(tokens: Double, milliseconds: Double)]) {
        let count = Double(points.count)
        let meanX = points.reduce(0) { $0 + $1.tokens } / count
        let meanY = points.reduce(0) { $0 + $1.milliseconds } / count
        let covariance = points.reduce(0) { $0 + ($1.tokens - meanX) * ($1.milliseconds - meanY) }
        let variance = points.reduce(0) { $0 + ($1.tokens - meanX) * ($1.tokens - meanX) }
        let slope = max(0, covariance / max(variance, .leastNormalMagnitude))
        self.init(fixed: max(0, meanY - slope * meanX), perToken: slope)
    }
}
