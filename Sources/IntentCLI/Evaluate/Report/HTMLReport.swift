/// The report as one HTML page without outside assets or scripts.
struct HTMLReport {
    let report: EvaluationReport

    /// Confusions to list.
    private static let listedConfusions = 25

    var page: String {
        let title = "\(report.model.name) \(report.model.version) on \(report.file)"
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(HTMLText.escaped(title))</title>
            <style>\(ReportStyle.sheet)</style>
            </head>
            <body>
            <main>
            \(header)
            \(tiles)
            <div class="charts">
            \(charts)
            </div>
            \(precisions)
            \(confusions)
            \(intents)
            </main>
            </body>
            </html>

            """
    }

    private var header: String {
        let model = report.model
        let facts = [
            "\(model.architecture), \(model.layers) layers", "\(model.precision) (\(model.kernels))",
            "\(model.threads) \(model.threads == 1 ? "thread" : "threads")", "intentd \(report.intentdVersion)",
            report.created,
        ]
        return """
            <header>
            <h1>\(HTMLText.escaped(model.name)) <small>\(HTMLText.escaped(model.version))</small></h1>
            <p>\(report.rows) labelled messages of <strong>\(HTMLText.escaped(report.file))</strong></p>
            <p class="facts">\(facts.map { "<span>\(HTMLText.escaped($0))</span>" }.joined(separator: "\n"))</p>
            </header>
            """
    }

    // MARK: Figures

    private var tiles: String {
        let interval = report.accuracyInterval
        var tiles = [
            tile("Accuracy", NumberFormat.percent(report.accuracy),
                "95 % interval \(NumberFormat.fixed(interval.lower * 100, 2)) to "
                    + NumberFormat.fixed(interval.upper * 100, 2)),
            tile("Macro-F1", NumberFormat.percent(report.macroF1), "mean over \(report.intents.count) intents"),
            tile("Calibration error", NumberFormat.fixed(report.expectedCalibrationError, 4), "15 bins; 0 is perfect"),
            tile("Answered", NumberFormat.percent(report.abstention.coverage, 1),
                "\(NumberFormat.percent(report.abstention.accuracy)) of these right"),
        ]
        if let scope = report.outOfScope {
            tiles.append(tile("Out of scope", NumberFormat.percent(scope.rate, 1),
                "abstained on \(scope.abstained) of \(scope.rows)"))
        }
        if let latency = report.latencyMs {
            let same = report.differingFromBatch == 0
                ? "p99 \(NumberFormat.fixed(latency.p99, 1)) ms; same bits as in a batch"
                : "p99 \(NumberFormat.fixed(latency.p99, 1)) ms; DIFFERS from the batch"
            tiles.append(tile("Alone, median", "\(NumberFormat.fixed(latency.p50, 1)) ms", same))
        }
        tiles.append(tile("In batches", "\(NumberFormat.fixed(report.throughput.messagesPerSecond, 0))/s",
            "\(NumberFormat.fixed(report.throughput.tokensPerMessage, 1)) tokens a message"))
        return "<section class=\"tiles\" aria-label=\"Main figures\">\n\(tiles.joined(separator: "\n"))\n</section>"
    }

    private func tile(_ name: String, _ value: String, _ note: String) -> String {
        "<div class=\"tile\"><h2>\(HTMLText.escaped(name))</h2><p class=\"value\">\(HTMLText.escaped(value))</p>"
            + "<p class=\"note\">\(HTMLText.escaped(note))</p></div>"
    }

    private var charts: String {
        let charts = ReportCharts(report: report)
        var figures = [
            figure(charts.reliability, "Points on the dashed line mean what they say. Area shows how many messages."),
            figure(charts.coverage, "What answering only the confident messages gains. The line marks the threshold."),
        ]
        if let latency = charts.latency, let sample = report.latencyMs {
            figures.append(figure(latency, "\(sample.messages) messages, one at a time, spread over the file."))
        }
        return figures.joined(separator: "\n")
    }

    private func figure(_ chart: SVGChart, _ caption: String) -> String {
        """
        <figure>
        <h2>\(HTMLText.escaped(chart.title))</h2>
        \(chart.markup)
        <figcaption>\(HTMLText.escaped(caption))</figcaption>
        </figure>
        """
    }

    // MARK: Tables

    private var precisions: String {
        guard !report.precisions.isEmpty else { return "" }
        let rows = report.precisions.map { precision in
            row([
                precision.precision, precision.kernels, NumberFormat.percent(precision.accuracy),
                NumberFormat.signed(precision.accuracyDifferencePoints, 2), NumberFormat.percent(precision.agreement),
                NumberFormat.fixed(precision.largestProbabilityDifference, 4),
                NumberFormat.fixed(precision.messagesPerSecond, 0),
            ], texts: 2)
        }
        return table(
            "Precisions beside f32",
            ["Precision", "Kernels", "Accuracy", "Points", "Same intent", "Largest probability change", "Messages/s"],
            texts: 2, rows)
    }

    private var confusions: String {
        guard !report.confusions.isEmpty else { return "" }
        let largest = Double(report.confusions[0].count)
        let rows = report.confusions.prefix(Self.listedConfusions).map { confusion in
            "<tr><td>\(HTMLText.escaped(confusion.truth))</td><td>\(HTMLText.escaped(confusion.predicted))</td>"
                + "<td class=\"number\">\(confusion.count)</td><td class=\"meter\"><span style=\"width:"
                + "\(NumberFormat.fixed(Double(confusion.count) / largest * 100, 1))%\"></span></td></tr>"
        }
        return table("Top confusions", ["Right intent", "Taken for", "Messages", ""], texts: 2, Array(rows))
    }

    private var intents: String {
        let rows = report.intents.sorted { ($0.f1, $0.intent) < ($1.f1, $1.intent) }.map { intent in
            row([
                intent.intent, "\(intent.support)", NumberFormat.percent(intent.precision, 1),
                NumberFormat.percent(intent.recall, 1), NumberFormat.percent(intent.f1, 1),
            ], texts: 1)
        }
        return table(
            "Intents, worst first", ["Intent", "Messages", "Precision", "Recall", "F1"], texts: 1, rows)
    }

    private func row(_ cells: [String], texts: Int) -> String {
        let cells = cells.enumerated().map { index, cell in
            "<td\(index < texts ? "" : " class=\"number\"")>\(HTMLText.escaped(cell))</td>"
        }
        return "<tr>\(cells.joined())</tr>"
    }

    private func table(_ title: String, _ columns: [String], texts: Int, _ rows: [String]) -> String {
        let heads = columns.enumerated().map { index, column in
            "<th scope=\"col\"\(index < texts ? "" : " class=\"number\"")>\(HTMLText.escaped(column))</th>"
        }
        return """
            <section>
            <h2>\(HTMLText.escaped(title))</h2>
            <div class="scroll"><table>
            <thead><tr>\(heads.joined())</tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table></div>
            </section>
            """
    }
}
