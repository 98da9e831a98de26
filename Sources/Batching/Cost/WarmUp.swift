import Engine

/// Measures how fast an engine is before it serves: the start of the cost model. The self-test, which ran before, has
/// filled caches and touched working memory; a first run that is slow all the same is not the median.
struct WarmUp {
    let engine: any BatchEngine
    let configuration: BatchingConfiguration

    /// Repeats of each size; the median counts.
    private static let repeats = 3
    /// Enough is known once measuring has taken this long: a large model is slow to measure.
    private static let budget = Duration.milliseconds(150)
    /// Tokens of the larger batch: where the time per token has settled.
    private static let largeBatchTokens = 128

    /// Times a single short message and a batch of several.
    func measure() -> CostModel {
        let messages = SelfTest.messages.compactMap { try? engine.messageTokenizer.tokenize($0) }
        let clock = ContinuousClock()
        let start = clock.now
        guard let short = messages.min(by: { $0.ids.count < $1.ids.count }) else { return model(.zero, .zero) }
        let limit = min(Self.largeBatchTokens, configuration.maxBatchTokens)
        var large: [TokenizedMessage] = []
        var tokens = 0
        while true {
            let next = messages[large.count % messages.count]
            guard large.isEmpty || tokens + next.ids.count <= limit else { break }
            large.append(next)
            tokens += next.ids.count
        }
        let shortTime = median(start, clock) { _ = engine.classify([short]) }
        let largeTime = median(start, clock) { _ = engine.classify(large) }
        let difference = tokens - short.ids.count
        guard difference > 0, largeTime > shortTime else {
            return model(.zero, .seconds(largeTime / Double(max(tokens, 1))))
        }
        let perToken = (largeTime - shortTime) / Double(difference)
        return model(.seconds(max(shortTime - perToken * Double(short.ids.count), 0)), .seconds(perToken))
    }

    private func model(_ fixed: Duration, _ perToken: Duration) -> CostModel {
        CostModel(fixed: fixed, perToken: perToken, marginCeiling: configuration.marginCeiling)
    }

    private func median(_ start: ContinuousClock.Instant, _ clock: ContinuousClock, _ work: () -> Void) -> Double {
        var times: [Double] = []
        repeat {
            times.append(clock.measure(work).inSeconds)
        } while times.count < Self.repeats && clock.now - start < Self.budget
        return times.sorted()[times.count / 2]
    }
}
