@testable import Batching
@testable import Engine
import Testing

@Suite struct SelfTestTests {
    private func run(_ engine: FakeEngine) throws { try SelfTest(engine: engine).run() }

    @Test func aSoundEnginePasses() throws {
        try run(FakeEngine())
        try run(FakeEngine(cases: [SelfTestCase(text: "odd", intent: "odd"), SelfTestCase(text: "even", intent: "even")]))
    }

    @Test func aWrongAnswerToAKnownMessageFails() {
        #expect(throws: BatchingError.selfTestFailed("a message of intent even was taken for odd")) {
            try run(FakeEngine(cases: [SelfTestCase(text: "odd", intent: "even")]))
        }
    }

    @Test func anAnswerThatDependsOnItsCompanyFails() {
        let control = FakeEngineControl()
        control.answerByBatch()
        #expect(throws: BatchingError.selfTestFailed("a message has another answer in a batch than alone")) {
            try run(FakeEngine(control: control))
        }
    }

    @Test func anEngineErrorFails() {
        let control = FakeEngineControl()
        control.failAlways()
        #expect(throws: BatchingError.engine(.notFinite)) { try run(FakeEngine(control: control)) }
    }

    @Test func probabilitiesThatAreNoneFail() {
        let control = FakeEngineControl()
        control.answerNotANumber()
        #expect(throws: BatchingError.selfTestFailed("the probabilities do not sum to 1")) {
            try run(FakeEngine(control: control))
        }
    }

    @Test func warmUpMeasuresTheSlope() {
        let control = FakeEngineControl()
        control.slow(secondsPerToken: 0.002)
        let costs = WarmUp(engine: FakeEngine(control: control), configuration: BatchingConfiguration()).measure()
        // Sleeping takes at least its time; how much longer is the system's affair.
        #expect(costs.seconds(tokens: 100) > 0.18 && costs.seconds(tokens: 100) < 2)
        #expect(costs.seconds(tokens: 100) > 2 * costs.seconds(tokens: 10))
    }
}
