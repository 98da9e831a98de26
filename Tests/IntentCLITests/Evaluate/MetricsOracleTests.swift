import Testing
@testable import IntentCLI

/// Figures against scikit-learn, SciPy and NumPy (Tests/oracle/evaluate_metrics.py).
struct MetricsOracleTests {
    struct Case: Decodable {
        var labels: [String]
        var truth: [Int]
        var predicted: [Int]
        var confidence: [Float]
        var accuracy: Double
        var wilson: [Double]
        var macroF1: Double
        var intents: [String]
        var precision: [Double]
        var recall: [Double]
        var f1: [Double]
        var support: [Int]
        var confusions: [String: Int]
        var calibrationError: Double
        var binAccuracy: [Double]
        var binConfidence: [Double]
        var binCount: [Int]
        var coverage: [[Double]]

        var rows: [ScoredRow] {
            truth.indices.map {
                ScoredRow(
                    truth: truth[$0], predicted: predicted[$0], confidence: confidence[$0], isAbstention: false)
            }
        }
    }

    /// Different orders of summation, nothing more.
    private static let bound = 1e-12

    private func near(_ left: Double, _ right: Double) -> Bool { abs(left - right) <= Self.bound }

    private func near(_ left: [Double], _ right: [Double]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy(near)
    }

    @Test(arguments: 0..<3) func equalScikitLearn(index: Int) throws {
        let item = try Fixtures.decode([Case].self, "evaluate/metrics.json")[index]
        let metrics = ClassificationMetrics(item.rows, labels: item.labels)
        #expect(near(metrics.accuracy, item.accuracy))
        #expect(near(metrics.accuracyInterval.lower, item.wilson[0]))
        #expect(near(metrics.accuracyInterval.upper, item.wilson[1]))
        #expect(near(metrics.macroF1, item.macroF1))
        #expect(metrics.intents.map(\.intent) == item.intents)
        #expect(metrics.intents.map(\.support) == item.support)
        #expect(near(metrics.intents.map(\.precision), item.precision))
        #expect(near(metrics.intents.map(\.recall), item.recall))
        #expect(near(metrics.intents.map(\.f1), item.f1))
        let pairs = metrics.confusions.map { ("\($0.truth)>\($0.predicted)", $0.count) }
        #expect(Dictionary(uniqueKeysWithValues: pairs) == item.confusions)
        #expect(metrics.confusions.map(\.count) == metrics.confusions.map(\.count).sorted(by: >))
    }

    @Test(arguments: 0..<3) func calibrationEqualsScikitLearns(index: Int) throws {
        let item = try Fixtures.decode([Case].self, "evaluate/metrics.json")[index]
        let calibration = Calibration(item.rows)
        let filled = calibration.bins.filter { $0.count > 0 }
        #expect(calibration.bins.count == 15)
        #expect(filled.map(\.count) == item.binCount)
        #expect(near(filled.map(\.accuracy), item.binAccuracy))
        #expect(near(filled.map(\.confidence), item.binConfidence))
        #expect(near(calibration.expectedError, item.calibrationError))
    }

    @Test(arguments: 0..<3) func coverageEqualsNumPys(index: Int) throws {
        let item = try Fixtures.decode([Case].self, "evaluate/metrics.json")[index]
        let points = CoverageCurve(item.rows, limit: .max).points
        #expect(points.count == item.coverage.count)
        for (point, expected) in zip(points, item.coverage) {
            #expect(near([point.threshold, point.coverage, point.accuracy], expected))
        }
        let thinned = CoverageCurve(item.rows, limit: 20).points
        #expect(thinned.count == min(20, points.count))
        #expect(thinned.first == points.first && thinned.last == points.last)
        #expect(thinned.allSatisfy(points.contains))
    }
}
