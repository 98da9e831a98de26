/// The report's main figures as text for a terminal.
struct EvaluationSummary: CustomStringConvertible {
    let report: EvaluationReport

    /// Confusions and intents to list.
    private static let listed = 5

    var description: String {
        var lines = [
            line("model", "\(report.model.name) \(report.model.version), \(report.model.precision) "
                + "(\(report.model.kernels)), \(report.model.layers) layers, "
                + "\(report.model.threads) \(report.model.threads == 1 ? "thread" : "threads")"),
            line("rows", "\(report.rows)"),
            line("accuracy", NumberFormat.percent(report.accuracy) + interval(report.accuracyInterval)),
            line("macro-F1", NumberFormat.percent(report.macroF1)),
            line("calibration error", NumberFormat.fixed(report.expectedCalibrationError, 4) + " (15 bins)"),
            line("answered", NumberFormat.percent(report.abstention.coverage) + ", of these right "
                + NumberFormat.percent(report.abstention.accuracy)
                + " (threshold \(NumberFormat.fixed(report.abstention.threshold, 3)))"),
        ]
        if let scope = report.outOfScope {
            lines.append(line("out of scope", "abstained on \(scope.abstained) of \(scope.rows), "
                + NumberFormat.percent(scope.rate)))
        }
        lines.append(line("throughput", "\(NumberFormat.fixed(report.throughput.messagesPerSecond, 0)) messages/s, "
            + "\(NumberFormat.fixed(report.throughput.tokensPerSecond, 0)) tokens/s"))
        if let latency = report.latencyMs {
            lines.append(line("latency alone", "p50 \(NumberFormat.fixed(latency.p50, 1)) ms, "
                + "p99 \(NumberFormat.fixed(latency.p99, 1)) ms (\(latency.messages) messages)"))
        }
        if let differing = report.differingFromBatch {
            lines.append(line("alone = in a batch", differing == 0 ? "yes, bit for bit" : "NO: \(differing) differ"))
        }
        for precision in report.precisions {
            lines.append(line(precision.precision, "agrees with f32 on \(NumberFormat.percent(precision.agreement)), "
                + "accuracy \(NumberFormat.signed(precision.accuracyDifferencePoints, 2)) points, "
                + "\(NumberFormat.fixed(precision.messagesPerSecond, 0)) messages/s"))
        }
        if !report.confusions.isEmpty {
            lines.append("top confusions")
            lines += report.confusions.prefix(Self.listed).map { "  \($0.count)  \($0.truth) -> \($0.predicted)" }
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ name: String, _ value: String) -> String {
        name + String(repeating: " ", count: max(1, 20 - name.count)) + value
    }

    private func interval(_ interval: WilsonInterval) -> String {
        " (95 %: \(NumberFormat.fixed(interval.lower * 100, 2)) to \(NumberFormat.fixed(interval.upper * 100, 2)))"
    }
}
