import ArgumentParser
import NIOCore
import NIOPosix

/// How many messages a second the service answers at most: calls of many messages one after another, or of one message
/// over many connections.
struct CapacityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capacity", abstract: "Print the messages a second that a closed loop of calls reaches.")

    @OptionGroup var target: Target
    @Option(help: "Messages of one call.")
    var rows = 64
    @Option(help: "Calls that are measured.")
    var calls = 40

    func run() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let warmUp = (0..<target.connections).map { ($0, Requests.call(from: $0 * rows, rows: rows)) }
        _ = try await ClosedLoop(warmUp, loop: loop).run(target)
        let bodies = (0..<calls).map { ($0, Requests.call(from: $0 * rows, rows: rows)) }
        let clock = ContinuousClock()
        let start = clock.now
        _ = try await ClosedLoop(bodies, loop: loop).run(target)
        let (seconds, attoseconds) = (clock.now - start).components
        let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
        let rate = Double(rows * calls) / elapsed
        print((rate * 10).rounded() / 10)
    }
}
