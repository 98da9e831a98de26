import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

/// Offers Poisson arrivals at given parts of the capacity.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Offer independent arrivals at parts of the capacity; print a table.")

    @OptionGroup var target: Target
    @Option(help: "Messages a second that count as 1x.")
    var capacity: Double
    @Option(parsing: .upToNextOption, help: "Parts of the capacity to offer.")
    var loads: [Double] = [0.5, 0.9, 1.5, 3]
    @Option(help: "Seconds of each load that are measured.")
    var seconds = 20.0
    @Option(help: "Seconds before them that are not.")
    var warmUp = 3.0
    @Option(help: "The latency bound to judge by, milliseconds.")
    var boundMs = 50.0
    @Option(help: "The name of what is measured, for the table.")
    var policy = "latency-bounded"
    @Option(help: "Also write the results here, as JSON.")
    var json: String?
    @Flag(help: "Leave the table's head out.")
    var noHeader = false

    func validate() throws {
        guard capacity > 0, loads.allSatisfy({ $0 > 0 }), seconds > 0, warmUp >= 0, target.connections > 0 else {
            throw ValidationError("capacity, loads, seconds and connections must be positive")
        }
    }

    func run() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var alone = target
        alone.connections = 1
        // Every answer under load must be byte for byte what the message gets alone.
        let expected = try await ClosedLoop(Requests.bodies.enumerated().map { ($0, $1) }, loop: loop).run(alone)
        var reports: [LoadReport] = []
        if !noHeader { print(LoadReport.header) }
        for load in loads {
            let run = OpenLoop(
                policy: policy, rate: load * capacity, load: load, seconds: seconds, warmUp: warmUp,
                boundMilliseconds: boundMs, expected: expected, loop: loop)
            let report = try await run.run(target)
            reports.append(report)
            print(report.row)
        }
        if let json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(reports).write(to: URL(filePath: json))
        }
    }
}
