/// A small line, point and bar chart as inline SVG. Colours come from the page's style sheet.
struct SVGChart {
    /// A mark on the chart, in data units.
    enum Mark {
        case line([(x: Double, y: Double)], style: String)
        case bar(x: ClosedRange<Double>, y: Double, style: String, title: String)
        case point(x: Double, y: Double, radius: Double, style: String, title: String)
        /// An upright line; its label stands at the top or at the bottom, where the chart is empty.
        case rule(x: Double, label: String, atTop: Bool)
    }

    var title: String
    var xLabel: String
    var yLabel: String
    var x: ClosedRange<Double>
    var y: ClosedRange<Double>
    var xTicks: [(value: Double, text: String)]
    var yTicks: [(value: Double, text: String)]
    var marks: [Mark]

    private static let width = 560.0, height = 340.0
    private static let left = 66.0, right = 26.0, top = 14.0, bottom = 48.0

    /// The `<svg>` element.
    var markup: String {
        var parts = [
            "<svg viewBox=\"0 0 \(n(Self.width)) \(n(Self.height))\" role=\"img\" "
                + "aria-label=\"\(HTMLText.escaped(title))\">"
        ]
        for tick in yTicks {
            parts.append(
                "<line class=\"grid\" x1=\"\(n(Self.left))\" x2=\"\(n(Self.width - Self.right))\" "
                    + "y1=\"\(py(tick.value))\" y2=\"\(py(tick.value))\"/>"
                    + text(tick.text, Self.left - 8, y(tick.value) + 4, "tick end"))
        }
        for tick in xTicks {
            parts.append(text(tick.text, x(tick.value), Self.height - Self.bottom + 18, "tick middle"))
        }
        parts.append(
            "<line class=\"axis\" x1=\"\(n(Self.left))\" x2=\"\(n(Self.width - Self.right))\" "
                + "y1=\"\(n(Self.height - Self.bottom))\" y2=\"\(n(Self.height - Self.bottom))\"/>")
        parts += marks.map(markup)
        parts.append(text(xLabel, (Self.left + Self.width - Self.right) / 2, Self.height - 10, "label middle"))
        let middle = (Self.top + Self.height - Self.bottom) / 2
        parts.append(
            "<text class=\"label middle\" transform=\"translate(14 \(n(middle))) rotate(-90)\">"
                + "\(HTMLText.escaped(yLabel))</text>")
        parts.append("</svg>")
        return parts.joined(separator: "\n")
    }

    private func markup(_ mark: Mark) -> String {
        switch mark {
        case .line(let points, let style):
            let path = points.enumerated().map { "\($0 == 0 ? "M" : "L")\(px($1.x)) \(py($1.y))" }.joined()
            return "<path class=\"\(style)\" d=\"\(path)\"/>"
        case .bar(let range, let value, let style, let title):
            let start = x(range.lowerBound), end = x(range.upperBound)
            let top = y(value), base = y(y.lowerBound)
            return "<rect class=\"\(style)\" x=\"\(n(start + 1))\" y=\"\(n(top))\" "
                + "width=\"\(n(max(end - start - 2, 1)))\" height=\"\(n(max(base - top, 0)))\">"
                + "<title>\(HTMLText.escaped(title))</title></rect>"
        case .point(let px, let py, let radius, let style, let title):
            return "<circle class=\"\(style)\" cx=\"\(n(x(px)))\" cy=\"\(n(y(py)))\" r=\"\(n(radius))\">"
                + "<title>\(HTMLText.escaped(title))</title></circle>"
        case .rule(let value, let label, let atTop):
            let nearEnd = x(value) > Self.width * 0.7
            return "<line class=\"rule\" x1=\"\(px(value))\" x2=\"\(px(value))\" y1=\"\(n(Self.top))\" "
                + "y2=\"\(n(Self.height - Self.bottom))\"/>"
                + text(
                    label, x(value) + (nearEnd ? -6 : 6), atTop ? Self.top + 10 : Self.height - Self.bottom - 10,
                    nearEnd ? "note end" : "note")
        }
    }

    private func text(_ content: String, _ x: Double, _ y: Double, _ style: String) -> String {
        "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\">\(HTMLText.escaped(content))</text>"
    }

    // MARK: Scales

    private func x(_ value: Double) -> Double {
        let share = (value - x.lowerBound) / max(x.upperBound - x.lowerBound, .leastNormalMagnitude)
        return Self.left + share * (Self.width - Self.left - Self.right)
    }

    private func y(_ value: Double) -> Double {
        let share = (value - y.lowerBound) / max(y.upperBound - y.lowerBound, .leastNormalMagnitude)
        return Self.height - Self.bottom - share * (Self.height - Self.top - Self.bottom)
    }

    private func px(_ value: Double) -> String { n(x(value)) }
    private func py(_ value: Double) -> String { n(y(value)) }
    private func n(_ value: Double) -> String { NumberFormat.fixed(value, 1) }
}
