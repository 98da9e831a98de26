@testable import Engine
import Testing
@testable import IntentCLI

struct AnswerFormatTests {
    private let message = TokenizedMessage(ids: [2, 5, 6], truncated: false)

    private func prediction(_ probabilities: [Float], outOfScope: Bool = false) -> ScoredChunk.Answer {
        .prediction(
            id: "7", message,
            Prediction(logits: probabilities, probabilities: probabilities, isOutOfScope: outOfScope))
    }

    private func format(topK: Int = 1, threshold: Float = 0.5) -> AnswerFormat {
        AnswerFormat(labels: ["a", "b \"quoted\"", "c"], topK: topK, threshold: threshold)
    }

    @Test func writesTheContractsFieldsInOrder() {
        #expect(
            format().line(prediction([0.75, 0.125, 0.125]))
                == #"{"id":7,"intent":"a","confidence":0.75,"tokens":3,"truncated":false}"#)
    }

    @Test func listsIntentsByFallingConfidence() {
        #expect(
            format(topK: 9).line(prediction([0.25, 0.625, 0.125]))
                == #"{"id":7,"intent":"b \"quoted\"","confidence":0.625,"intents":[{"intent":"b \"quoted\"","#
                + #""confidence":0.625},{"intent":"a","confidence":0.25},{"intent":"c","confidence":0.125}],"#
                + #""tokens":3,"truncated":false}"#)
    }

    @Test func abstainsBelowTheThresholdAndOutOfScope() {
        let abstention = #"{"id":7,"intent":null,"abstained":true,"confidence":0.75,"tokens":3,"truncated":false}"#
        #expect(format(threshold: 0.76).line(prediction([0.75, 0.125, 0.125])) == abstention)
        #expect(format().line(prediction([0.75, 0.125, 0.125], outOfScope: true)) == abstention)
        #expect(format(threshold: 0.75).line(prediction([0.75, 0.125, 0.125])).contains("\"intent\":\"a\""))
    }

    @Test func writesFailures() {
        #expect(
            format().line(.failure(line: 12, reason: "the \"line\""))
                == #"{"line":12,"error":"the \"line\""}"#)
    }
}
