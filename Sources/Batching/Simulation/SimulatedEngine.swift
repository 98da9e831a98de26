#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// An engine as the simulation sees it: the true time of a batch, with the disturbances of a real machine.
public struct SimulatedEngine: Sendable {
    /// True time of a batch: fixed + perToken * tokens.
    public var fixed: Duration
    public var perToken: Duration
    /// Standard deviation of the logarithm of a batch's time.
    public var noise: Double
    /// The part of batches that the operating system interrupts, and the mean of that pause (exponential).
    public var pauseProbability: Double
    public var meanPause: Duration
    /// From these times (seconds since the start, rising) on the engine takes this many times as long.
    public var slowdowns: [(from: Double, factor: Double)]

    public init(
        fixed: Duration, perToken: Duration, noise: Double = 0, pauseProbability: Double = 0,
        meanPause: Duration = .zero, slowdowns: [(from: Double, factor: Double)] = []
    ) {
        self.fixed = fixed
        self.perToken = perToken
        self.noise = noise
        self.pauseProbability = pauseProbability
        self.meanPause = meanPause
        self.slowdowns = slowdowns
    }

    /// Seconds that a batch takes which starts at `time`.
    func seconds(tokens: Int, time: Double, random: inout SeededGenerator) -> Double {
        let factor = slowdowns.last { $0.from <= time }?.factor ?? 1
        var seconds = factor * (fixed.inSeconds + perToken.inSeconds * Double(tokens))
        // Drawn even without noise, so that the same seed gives the same draws for every setting.
        seconds *= exp(noise * random.normal())
        let interrupted = random.unit() <= pauseProbability
        let pause = random.exponential(mean: meanPause.inSeconds)
        return interrupted ? seconds + pause : seconds
    }

    /// Messages a second in batches of this many tokens, one after another: what the engine can do at most.
    public func capacity(meanTokens: Double, batchTokens: Int) -> Double {
        let batch = Double(max(batchTokens, 1))
        return batch / meanTokens / (fixed.inSeconds + perToken.inSeconds * batch)
    }
}
