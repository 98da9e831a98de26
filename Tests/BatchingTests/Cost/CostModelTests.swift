@testable import Batching
import Testing

@Suite struct CostModelTests {
    private func model(fixed: Double = 0.002, perToken: Double = 0.00025) -> CostModel {
        CostModel(fixed: .seconds(fixed), perToken: .seconds(perToken), marginCeiling: .milliseconds(15))
    }

    @Test func predictsTheWarmUpAtFirst() {
        #expect(abs(model().seconds(tokens: 100) - 0.027) < 1e-9)
    }

    @Test func tokensAreTheInverseOfSeconds() {
        let model = model()
        for tokens in [1, 7, 100, 511] {
            #expect(model.tokens(within: model.seconds(tokens: tokens) + 1e-9) == tokens)
            #expect(model.tokens(within: model.seconds(tokens: tokens) - 1e-6) == tokens - 1)
        }
        #expect(model.tokens(within: 0.001) == 0)
        #expect(model.tokens(within: -1) == 0)
        #expect(model.tokens(within: .infinity) == 1_000_000_000)
    }

    @Test func learnsAnotherLine() {
        var model = model(fixed: 0.001, perToken: 0.0001)
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2000 {
            let tokens = Int.random(in: 5...200, using: &random)
            model.observe(tokens: tokens, seconds: (0.004 + 0.0003 * Double(tokens)) * (1 + 0.03 * random.normal()))
        }
        for tokens in [10, 50, 200] {
            let truth = 0.004 + 0.0003 * Double(tokens)
            #expect(abs(model.seconds(tokens: tokens) / truth - 1) < 0.06, "\(tokens) tokens")
        }
    }

    @Test func staysDeterminedWhenAllBatchesHaveOneSize() {
        var model = model()
        for _ in 0..<5000 { model.observe(tokens: 14, seconds: 0.0055) }
        #expect(abs(model.seconds(tokens: 14) - 0.0055) < 1e-5)
        #expect(model.seconds(tokens: 200) > 0.04 && model.seconds(tokens: 200) < 0.07)
    }

    @Test(arguments: [2.0, 3.0, 0.5]) func followsAChangeOfSpeedWithinFiveBatches(factor: Double) {
        var model = model()
        for _ in 0..<200 { model.observe(tokens: 80, seconds: 0.022) }
        for _ in 0..<5 { model.observe(tokens: 80, seconds: 0.022 * factor) }
        #expect(abs(model.seconds(tokens: 80) / (0.022 * factor) - 1) < 0.15)
    }

    @Test func oneOutlierDoesNotChangeThePrediction() {
        var model = model()
        for _ in 0..<200 { model.observe(tokens: 80, seconds: 0.022) }
        model.observe(tokens: 80, seconds: 1)
        #expect(abs(model.seconds(tokens: 80) / 0.022 - 1) < 0.05)
    }

    @Test func forgetsSlownessWhileIdle() {
        var model = model()
        for _ in 0..<10 { model.observe(tokens: 80, seconds: 0.2) }
        let slow = model.seconds(tokens: 80)
        model.relax(idleSeconds: 100)
        #expect(slow > 0.15 && model.seconds(tokens: 80) < slow / 2)
    }

    @Test(arguments: [0, -1, .nan, .infinity]) func ignoresImpossibleTimes(seconds: Double) {
        var model = model()
        model.observe(tokens: 80, seconds: seconds)
        #expect(model.seconds(tokens: 80) == self.model().seconds(tokens: 80))
    }

    @Test func neverGoesNegative() {
        var model = model()
        // Larger batches faster than small ones: no line with a positive slope fits.
        for index in 0..<3000 { model.observe(tokens: index % 2 == 0 ? 10 : 300, seconds: index % 2 == 0 ? 0.05 : 0.01) }
        #expect(model.fixed >= 0 && model.perToken > 0)
        // Steeper than proportional: the intercept would be negative.
        for index in 0..<3000 { model.observe(tokens: index % 2 == 0 ? 100 : 300, seconds: index % 2 == 0 ? 0.01 : 0.1) }
        #expect(model.fixed >= 0 && model.perToken > 0)
    }
}
