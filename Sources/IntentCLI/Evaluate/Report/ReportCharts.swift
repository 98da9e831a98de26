/// The report's pictures.
struct ReportCharts {
    let report: EvaluationReport

    /// Accuracy of each confidence bin against its mean confidence; the area of a point is its number of rows.
    var reliability: SVGChart {
        let bins = report.calibrationBins.filter { $0.count > 0 }
        let largest = Double(bins.map(\.count).max() ?? 1)
        let points = bins.map { bin in
            SVGChart.Mark.point(
                x: bin.confidence, y: bin.accuracy, radius: 3 + 11 * (Double(bin.count) / largest).squareRoot(),
                style: "point",
                title: "\(bin.count) rows, confidence \(NumberFormat.percent(bin.confidence, 1)), "
                    + "right \(NumberFormat.percent(bin.accuracy, 1))")
        }
        let perfect = SVGChart.Mark.line([(0, 0), (1, 1)], style: "reference")
        let measured = SVGChart.Mark.line(bins.map { ($0.confidence, $0.accuracy) }, style: "series")
        return SVGChart(
            title: "Reliability diagram", xLabel: "Confidence", yLabel: "Share right", x: 0...1, y: 0...1,
            xTicks: Self.percentTicks(0...1, step: 0.2), yTicks: Self.percentTicks(0...1, step: 0.2),
            marks: [perfect, measured] + points)
    }

    /// Accuracy of the most confident messages, by how many are answered.
    var coverage: SVGChart {
        let points = report.coverageCurve
        let lowest = points.map(\.accuracy).min() ?? 0
        let floor = max(0, ((min(lowest, 0.95) - 0.02) * 20).rounded(.down) / 20)
        var marks = [SVGChart.Mark.line(points.map { ($0.coverage, $0.accuracy) }, style: "series")]
        let answered = report.abstention
        marks.append(
            .rule(
                x: answered.coverage, label: "answered \(NumberFormat.percent(answered.coverage, 1))", atTop: false))
        if answered.answered > 0 {
            marks.append(
                .point(
                    x: answered.coverage, y: max(floor, answered.accuracy), radius: 5, style: "point",
                    title: "threshold \(NumberFormat.fixed(answered.threshold, 3))"))
        }
        return SVGChart(
            title: "Accuracy by coverage", xLabel: "Share answered, most confident first", yLabel: "Share right",
            x: 0...1, y: floor...1, xTicks: Self.percentTicks(0...1, step: 0.2),
            yTicks: Self.percentTicks(floor...1, step: floor < 0.7 ? 0.1 : floor < 0.9 ? 0.05 : 0.01), marks: marks)
    }

    /// How long a lone message takes; nil if none was timed.
    var latency: SVGChart? {
        guard let latency = report.latencyMs, let first = latency.bins.first, let last = latency.bins.last else {
            return nil
        }
        let tallest = Double(latency.bins.map(\.count).max() ?? 1)
        let bars = latency.bins.map { bin in
            SVGChart.Mark.bar(
                x: bin.lower...max(bin.lower, bin.upper), y: Double(bin.count), style: "bar",
                title: "\(bin.count) messages, \(NumberFormat.fixed(bin.lower, 2)) to "
                    + "\(NumberFormat.fixed(bin.upper, 2)) ms")
        }
        let range = first.lower...max(last.upper, first.lower + 1e-9)
        return SVGChart(
            title: "Latency of single messages", xLabel: "Milliseconds", yLabel: "Messages", x: range,
            y: 0...max(tallest, 1) * 1.12, xTicks: Self.niceTicks(range, count: 6),
            yTicks: Self.niceTicks(0...tallest, count: 5),
            marks: bars + [
                .rule(x: latency.p50, label: "p50 \(NumberFormat.fixed(latency.p50, 1))", atTop: true),
                .rule(x: latency.p99, label: "p99 \(NumberFormat.fixed(latency.p99, 1))", atTop: true),
            ])
    }

    // MARK: Ticks

    private static func percentTicks(_ range: ClosedRange<Double>, step: Double) -> [(value: Double, text: String)] {
        stride(from: range.lowerBound, through: range.upperBound + step / 1000, by: step).map {
            (min($0, range.upperBound), NumberFormat.percent($0, 0))
        }
    }

    /// Round values inside the range: steps of 1, 2 or 5 times a power of ten.
    private static func niceTicks(_ range: ClosedRange<Double>, count: Int) -> [(value: Double, text: String)] {
        let span = range.upperBound - range.lowerBound
        guard span > 0, span.isFinite else { return [(range.lowerBound, NumberFormat.fixed(range.lowerBound, 1))] }
        var step = 1e-6
        let factors = [2, 2.5, 2]
        var index = 0
        while span / step > Double(count) {
            step *= factors[index % 3]
            index += 1
        }
        let digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 4
        let start = (range.lowerBound / step).rounded(.up) * step
        return stride(from: start, through: range.upperBound, by: step).map { ($0, NumberFormat.fixed($0, digits)) }
    }
}
