@testable import Batching
import Foundation
import Testing

/// The same load and engine under three policies. With INTENTD_PRINT_TABLES set, prints the table.
@Suite struct PolicyComparisonTests {
    private struct Row {
        let policy: String
        let load: Double
        let report: SimulationReport
    }

    private static let bound = 0.05

    private static func rows() -> [Row] {
        let simulation = BatchSimulation(
            configuration: BatchingConfiguration(), engine: SimulatedLoadTests.engine, seed: 1)
        var rows: [Row] = []
        for load in [0.5, 0.9, 1.5, 3] {
            let calls = SimulatedLoadTests.poisson(load)
            rows.append(Row(policy: "latency-bounded", load: load, report: simulation.run(calls)))
            // With a queue limit that any server has, 1,000 messages, and with one made for the bound: as many as the
            // engine does in half of it.
            let short = Int(bound / 2 * SimulatedLoadTests.capacity)
            for (name, size, window) in [("window 32 / 10 ms", 32, 0.01), ("no batching", 1, 0)] {
                for limit in [1000, short] {
                    var policy = FixedWindowPolicy(size: size, window: window, bound: bound, queueLimit: limit)
                    let report = simulation.run(calls, policy: &policy, origin: .now)
                    rows.append(
                        Row(policy: limit == short ? "\(name), queue \(limit)" : name, load: load, report: report))
                }
            }
        }
        return rows
    }

    @Test func beatsFixedWindowsAndNoBatching() {
        let rows = Self.rows()
        if ProcessInfo.processInfo.environment["INTENTD_PRINT_TABLES"] != nil { Self.printTable(rows) }
        func good(_ policy: String, _ load: Double) -> Int {
            rows.filter { $0.policy == policy && $0.load == load }
                .reduce(0) { $0 + SimulatedLoadTests.within(Self.bound, $1.report) }
        }
        for load in [0.5, 0.9, 1.5, 3] {
            let bounded = Double(good("latency-bounded", load))
            for row in rows where row.load == load { #expect(bounded > 0.99 * Double(good(row.policy, load))) }
        }
        // Without admission, overload leaves nobody in time.
        #expect(good("window 32 / 10 ms", 3) < good("latency-bounded", 3) / 10)
        #expect(good("no batching", 3) < good("latency-bounded", 3) / 10)
    }

    private static func printTable(_ rows: [Row]) {
        print("| policy | load | goodput / capacity | admitted in 50 ms | refused | p50 ms | p99 | p99.9 | batch tokens |")
        print("|---|---|---|---|---|---|---|---|---|")
        for row in rows {
            let report = row.report
            let good = Double(SimulatedLoadTests.within(bound, report))
            func ms(_ quantile: Double) -> String {
                String(format: "%.1f", 1000 * (report.latency(quantile: quantile) ?? 0))
            }
            func percent(_ part: Double, _ whole: Int) -> String {
                String(format: "%.2f %%", 100 * part / Double(max(whole, 1)))
            }
            print(
                "| \(row.policy) | \(row.load)x |",
                String(format: "%.2f", good / 60 / SimulatedLoadTests.capacity), "|",
                percent(good, report.admitted), "|", percent(Double(report.refused), report.offered), "|",
                ms(0.5), "|", ms(0.99), "|", ms(0.999), "|", String(format: "%.0f", report.meanBatchTokens), "|")
        }
    }
}
