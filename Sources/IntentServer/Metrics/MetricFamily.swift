/// One metric as Prometheus sees it: a name, what it means, and how its series are shown.
struct MetricFamily: Sendable, Equatable {
    /// How the series of a family behave.
    enum Kind: Sendable, Equatable {
        case counter
        case gauge
        /// Cumulative buckets with these upper bounds, rising; `+Inf` is implied.
        case histogram([Double])
    }

    let name: String
    let help: String
    let kind: Kind

    static func counter(_ name: String, _ help: String) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: .counter)
    }

    static func gauge(_ name: String, _ help: String) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: .gauge)
    }

    static func histogram(_ name: String, _ help: String, _ bounds: [Double]) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: .histogram(bounds))
    }

    /// The type's name in the text format.
    var typeName: String {
        switch kind {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}
