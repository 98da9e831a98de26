import Foundation
import Testing

@testable import Engine

@Suite struct ClassificationHeadTests {
    private func head(
        pooling: ModelSettings.Pooling = .last, skipsBOS: Bool = false, temperature: Float? = nil,
        weight: [Float] = [1, 0, 0, 1, 1, 1], bias: [Float]? = nil
    ) -> ClassificationHead {
        var settings = ModelSettings()
        settings.pooling = pooling
        settings.poolSkipsBOS = skipsBOS
        settings.calibration = temperature.map { ModelSettings.Calibration(temperature: $0) }
        return ClassificationHead(
            weight: weight, bias: bias, labelCount: weight.count / 2, hiddenSize: 2, settings: settings, detector: nil)
    }

    private func logits(_ head: ClassificationHead, _ hidden: [Float]) throws -> [Float] {
        try hidden.withUnsafeBufferPointer { try head.predict($0).logits }
    }

    @Test func poolsTheLastToken() throws {
        #expect(try logits(head(), [9, 9, 2, 3]) == [2, 3, 5])
    }

    @Test func poolsTheMeanWithAndWithoutBOS() throws {
        #expect(try logits(head(pooling: .mean), [1, 1, 3, 5]) == [2, 3, 5])
        #expect(try logits(head(pooling: .mean, skipsBOS: true), [9, 9, 1, 1, 3, 5]) == [2, 3, 5])
        // A message of BOS alone has nothing else to pool.
        #expect(try logits(head(pooling: .mean, skipsBOS: true), [2, 3]) == [2, 3, 5])
    }

    @Test func addsTheBias() throws {
        #expect(try logits(head(bias: [1, 2, 3]), [2, 3]) == [3, 5, 8])
    }

    /// Widths that are no multiple of the eight lanes, against sums in double.
    @Test(arguments: [1, 7, 8, 9, 640])
    func productsOfAnyWidth(_ width: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let values = (0..<width * 4).map { _ in Float.random(in: -1...1, using: &generator) }
        let feature = Array(values.suffix(width))
        let head = ClassificationHead(
            weight: Array(values.prefix(3 * width)), bias: nil, labelCount: 3, hiddenSize: width,
            settings: ModelSettings(), detector: nil)
        let found = try logits(head, feature)
        for label in 0..<3 {
            let exact = (0..<width).reduce(0.0) { $0 + Double(values[label * width + $1]) * Double(feature[$1]) }
            #expect(abs(Double(found[label]) - exact) < 1e-4)
        }
    }

    @Test func temperatureFlattensTheProbabilities() throws {
        let hidden: [Float] = [2, 3]
        let prediction = try hidden.withUnsafeBufferPointer { try head(temperature: 2).predict($0) }
        let exact = [2.0, 3, 5].map { exp($0 / 2) }
        let total = exact.reduce(0, +)
        for (found, expected) in zip(prediction.probabilities, exact) {
            #expect(abs(Double(found) - expected / total) < 1e-6)
        }
        #expect(prediction.best == 2)
        #expect(prediction.ranked(2) == [2, 1])
    }

    @Test func equalLabelsRankByIndex() {
        let prediction = Prediction(logits: [1, 1, 1], probabilities: [0.3, 0.4, 0.4], isOutOfScope: false)
        #expect(prediction.best == 1)
        #expect(prediction.ranked(3) == [1, 2, 0])
        #expect(prediction.ranked(9).count == 3)
    }

    @Test(arguments: [Float.nan, .infinity])
    func aResultThatIsNoNumberIsAnError(_ value: Float) {
        #expect(throws: EngineError.notFinite) { try logits(head(), [value, 1]) }
    }

    @Test func hugeLogitsStillGiveProbabilities() throws {
        let hidden: [Float] = [3e38, -3e38]
        let prediction = try hidden.withUnsafeBufferPointer { try head().predict($0) }
        #expect(prediction.probabilities == [1, 0, 0])
    }
}
