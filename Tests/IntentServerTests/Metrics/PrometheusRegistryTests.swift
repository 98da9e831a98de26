import CoreMetrics
import Testing

@testable import IntentServer

/// The text format, and bounds on what is kept.
struct PrometheusRegistryTests {
    @Test func textFormat() {
        let registry = PrometheusRegistry([
            .counter("a_total", "A \\ and\nB."), .gauge("b", "B."), .histogram("c_seconds", "C.", [0.1, 1]),
        ])
        Counter(label: "a_total", dimensions: [("x", "q\"\\\n")], factory: registry).increment(by: 3)
        FloatingPointCounter(label: "a_total", dimensions: [("x", "y")], factory: registry).increment(by: 0.5)
        Meter(label: "b", factory: registry).set(-1.25)
        let timer = Timer(label: "c_seconds", factory: registry)
        for nanoseconds in [50_000_000, 100_000_000, 500_000_000, 2_000_000_000] as [Int64] {
            timer.recordNanoseconds(nanoseconds)
        }
        #expect(
            registry.exposition() == #"""
                # HELP a_total A \\ and\nB.
                # TYPE a_total counter
                a_total{x="q\"\\\n"} 3
                a_total{x="y"} 0.5
                # HELP b B.
                # TYPE b gauge
                b -1.25
                # HELP c_seconds C.
                # TYPE c_seconds histogram
                c_seconds_bucket{le="0.1"} 2
                c_seconds_bucket{le="1"} 3
                c_seconds_bucket{le="+Inf"} 4
                c_seconds_sum 2.65
                c_seconds_count 4

                """#)
    }

    @Test func seriesAreSharedAndBounded() {
        let registry = PrometheusRegistry([.counter("a_total", "A.")])
        Counter(label: "a_total", dimensions: [("n", "1")], factory: registry).increment()
        Counter(label: "a_total", dimensions: [("n", "1")], factory: registry).increment()
        for number in 0..<5000 {
            Counter(label: "a_total", dimensions: [("n", String(number))], factory: registry).increment()
        }
        let lines = registry.exposition().split(separator: "\n")
        #expect(lines.count == 2 + PrometheusRegistry.seriesLimit)
        #expect(lines.contains(#"a_total{n="1"} 3"#))
    }

    @Test func libraryMetricsGetValidNames() {
        let registry = PrometheusRegistry()
        Counter(label: "http.server-requests", dimensions: [("a.b", "c")], factory: registry).increment()
        Recorder(label: "9lives", aggregate: true, factory: registry).record(1)
        let text = registry.exposition()
        #expect(text.contains(#"http_server_requests{a_b="c"} 1"#))
        #expect(text.contains("_9lives_count 1"))
    }

    @Test func aNameOfAnotherKindIsIgnored() {
        let registry = PrometheusRegistry([.gauge("a", "A.")])
        Counter(label: "a", factory: registry).increment()
        Meter(label: "a", factory: registry).set(2)
        #expect(registry.exposition().hasSuffix("a 2\n"))
    }

    @Test func destroyedSeriesAreGone() {
        let registry = PrometheusRegistry([.gauge("a", "A.")])
        let meter = Meter(label: "a", dimensions: [("v", "1")], factory: registry)
        meter.set(1)
        meter.destroy()
        Meter(label: "a", dimensions: [("v", "2")], factory: registry).set(1)
        #expect(!registry.exposition().contains("v=\"1\""))
    }

    @Test func processFigures() {
        let registry = PrometheusRegistry(ProcessMetrics.families)
        ProcessMetrics(registry: registry).install()
        let text = registry.exposition()
        for family in ProcessMetrics.families { #expect(text.contains("\n\(family.name) "), "\(family.name)") }
    }

    @Test func commandNameWithParenthesesAndSpaces() throws {
        let rest = (1...50).map(String.init).joined(separator: " ")
        let stat = try #require(
            ProcessMetrics.Stat.parse("12 (a) b (c) S \(rest)", ticks: 100, page: 4096, boot: 1000))
        // utime 14, stime 15, num_threads 20, starttime 22, vsize 23, rss 24 of proc(5); the state is field 3.
        #expect(stat.cpuSeconds == Double(11 + 12) / 100)
        #expect(stat.threads == 17)
        #expect(stat.startTime == 1000 + 19.0 / 100)
        #expect(stat.virtualBytes == 20)
        #expect(stat.residentBytes == 21 * 4096)
        #expect(ProcessMetrics.Stat.parse("nonsense", ticks: 100, page: 1, boot: nil) == nil)
    }
}
