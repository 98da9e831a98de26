@testable import Batching
import Testing

@Suite struct MarginTrackerTests {
    /// Fractions of errors above the margin, after it has settled.
    private func exceedance(_ error: (inout SeededGenerator) -> Double) -> Double {
        var tracker = MarginTracker(ceiling: 0.015)
        var random = SeededGenerator(seed: 11)
        var above = 0
        let settle = 20_000, count = 100_000
        for index in 0..<settle + count {
            let error = error(&random)
            if index >= settle, error > tracker.seconds(predicted: 0.02) { above += 1 }
            tracker.observe(error: error, predicted: 0.02)
        }
        return Double(above) / Double(count)
    }

    @Test func restsWhereAboutOneBatchInAThousandExceedsIt() {
        let normal = exceedance { 0.001 * $0.normal() }
        #expect(normal > 0.0002 && normal < 0.003)
        let heavy = exceedance { $0.unit() < 0.02 ? $0.exponential(mean: 0.001) : 0 }
        #expect(heavy > 0.0001 && heavy < 0.003)
    }

    @Test func onePauseRaisesItByHalfAtMost() {
        var tracker = MarginTracker(ceiling: 1)
        let before = tracker.seconds(predicted: 0.02)
        tracker.observe(error: 10, predicted: 0.02)
        #expect(tracker.seconds(predicted: 0.02) <= before * 1.5 + 1e-12)
    }

    @Test func neverExceedsItsCeiling() {
        var tracker = MarginTracker(ceiling: 0.015)
        for _ in 0..<100 { tracker.observe(error: 10, predicted: 0.02) }
        #expect(tracker.seconds(predicted: 0.02) == 0.015)
    }

    @Test func fallsWhenPredictionsAreGood() {
        var tracker = MarginTracker(ceiling: 0.015)
        let before = tracker.seconds(predicted: 0.02)
        for _ in 0..<5000 { tracker.observe(error: -0.001, predicted: 0.02) }
        #expect(tracker.seconds(predicted: 0.02) < before / 3)
        #expect(tracker.seconds(predicted: 0.02) > 0)
    }
}
