import Testing
@testable import IntentCLI

struct MetricsTests {
    @Test func anIntervalOfNothingSaysNothing() {
        #expect(WilsonInterval(successes: 0, of: 0).lower == 0)
        #expect(WilsonInterval(successes: 0, of: 0).upper == 1)
        #expect(abs(WilsonInterval(successes: 10, of: 10).upper - 1) < 1e-12)
        #expect(abs(WilsonInterval(successes: 0, of: 10).lower) < 1e-12)
    }

    @Test func noRowsHaveNoFigures() {
        let metrics = ClassificationMetrics([], labels: ["a"])
        #expect(metrics.accuracy == 0 && metrics.macroF1 == 0 && metrics.intents.isEmpty)
        #expect(Calibration([]).expectedError == 0)
        #expect(CoverageCurve([]).points.isEmpty)
    }

    @Test func percentilesAreTimesThatWereSeen() {
        let histogram = LatencyHistogram(milliseconds: (1...100).reversed().map(Double.init))
        #expect(histogram.p50 == 50 && histogram.p90 == 90 && histogram.p99 == 99 && histogram.max == 100)
        #expect(histogram.mean == 50.5)
        #expect(histogram.bins.reduce(0) { $0 + $1.count } == 100)
        #expect(histogram.bins.first?.lower == 1)
    }

    @Test func equalTimesFillOneBin() {
        let histogram = LatencyHistogram(milliseconds: [2, 2, 2])
        #expect(histogram.p50 == 2 && histogram.p99 == 2)
        #expect(histogram.bins[0].count == 3)
    }

    @Test func numbersAreWrittenAlikeEverywhere() {
        #expect(NumberFormat.fixed(3.14159, 2) == "3.14")
        #expect(NumberFormat.fixed(0.996, 2) == "1.00")
        #expect(NumberFormat.fixed(-0.004, 2) == "0.00")
        #expect(NumberFormat.fixed(-1.005, 1) == "-1.0")
        #expect(NumberFormat.fixed(12, 0) == "12")
        #expect(NumberFormat.fixed(7.05, 3) == "7.050")
        #expect(NumberFormat.fixed(999_999_999_999_999, 4) == "999999999999999.0")
        #expect(NumberFormat.fixed(.infinity, 1) == "inf" && NumberFormat.fixed(.nan, 1) == "nan")
        #expect(NumberFormat.percent(0.9385, 2) == "93.85 %")
        #expect(NumberFormat.signed(0.25, 2) == "+0.25")
        #expect(NumberFormat.signed(-0.25, 2) == "-0.25")
        #expect(NumberFormat.signed(0.001, 2) == "0.00")
    }
}
