@testable import Batching
import Testing

@Suite struct RiskBudgetTests {
    @Test func riskFallsFromCertaintyToTheTrackedQuantileAndBeyond() {
        #expect(RiskBudget.risk(slack: -1, margin: 2) == 1)
        #expect(RiskBudget.risk(slack: 0, margin: 0) == 1)
        #expect(RiskBudget.risk(slack: 1, margin: 0) == 0)
        #expect(abs(RiskBudget.risk(slack: 2, margin: 2) - MarginTracker.exceedance) < 1e-9)
        #expect(abs(RiskBudget.risk(slack: 4, margin: 2) - MarginTracker.exceedance * MarginTracker.exceedance) < 1e-9)
    }

    @Test func overloadKeepsMoreThanTheQuantileFree() {
        var budget = RiskBudget()
        // Each takes all that it may: nothing is ever saved.
        for _ in 0..<1000 {
            #expect(budget.marginScale > 1 && budget.marginScale < 1.5)
            budget.charge(RiskBudget.risk(slack: budget.marginScale, margin: 1))
        }
    }

    @Test func quietTimesLetAFewInWithASmallMargin() {
        var budget = RiskBudget()
        for _ in 0..<1000 { budget.charge(1e-9) }
        let small = budget.marginScale
        #expect(small > 0.2 && small < 0.7)
        // But not many.
        var admitted = 0
        while budget.marginScale < 1, admitted < 1000 {
            budget.charge(RiskBudget.risk(slack: budget.marginScale, margin: 1))
            admitted += 1
        }
        #expect(admitted > 1 && admitted < 100)
    }

    @Test(arguments: [0.0, 0.5, 0.99]) func expectedMissesStayBelowThePromise(quietPart: Double) {
        var budget = RiskBudget()
        var random = SeededGenerator(seed: 21)
        var expected = 0.0
        let calls = 20_000
        for _ in 0..<calls {
            // Near their deadline, calls take the whole risk that they may.
            let risk = random.unit() < quietPart ? 1e-6 : RiskBudget.risk(slack: budget.marginScale, margin: 1)
            expected += risk
            budget.charge(risk)
        }
        #expect(expected < 0.001 * Double(calls))
    }
}
