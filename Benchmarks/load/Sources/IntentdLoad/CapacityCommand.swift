import ArgumentParser
import NIOCore
import NIOPosix

/// How many messages a second the service answers at most: calls of many messages, one after another.
struct CapacityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capacity", abstract: "Print the messages a second that calls of many messages reach.")

    @OptionGroup var target: Target
    @Option(help: "Messages of one call.")
    var rows = 64
    @Option(help: "Calls that are measured.")
    var calls = 40

    func run() async throws {
        var target = target
        target.connections = 1
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        _ = try await ClosedLoop([(0, Requests.call(from: 0, rows: rows))], loop: loop).run(target)
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
