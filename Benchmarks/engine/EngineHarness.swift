import Engine
import Foundation
import Synchronization

/// The engine by itself, for the benchmark scripts beside it: no tokenising, no files of answers, no HTTP in the times.
///
///     engine-harness worker MODEL PRECISION THREADS MESSAGES [ADAPTER]
///         answers commands on standard input, one line of JSON each; see `peers/worker.py` for the commands
///     engine-harness scaling MODEL PRECISION THREADS
///         seconds of batches of 1 to 4,096 tokens, and of lone messages of up to 512
///     engine-harness fork-join THREADS
///         microseconds of a parallel loop whose tiles only meet: each waits for one on every other thread
///
/// MESSAGES is a JSON array of arrays of token ids. PRECISION may be "auto". INTENTD_INSTRUCTION_SET in the environment
/// names kernels, as `intentd --instruction-set` does.
@main
struct EngineHarness {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("worker", 5...6):
            let data = try Data(contentsOf: URL(filePath: arguments[4]))
            let messages = try JSONDecoder().decode([[Int32]].self, from: data).map { TokenizedMessage(ids: $0) }
            let engine = try load(arguments, adapter: arguments.count > 5 ? arguments[5] : nil)
            defer { engine.stop() }
            try Worker(engine: engine, messages: messages).run()
        case ("scaling", 4):
            let engine = try load(arguments)
            defer { engine.stop() }
            try emit(Scaling(measuring: engine))
        case ("fork-join", 2):
            try emit(["microseconds": forkJoin(threads: Int(arguments[1]) ?? 1)])
        default:
            FileHandle.standardError.write(Data("usage: engine-harness worker | scaling | fork-join ARGUMENTS\n".utf8))
            exit(64)
        }
    }

    private static func load(_ arguments: [String], adapter: String? = nil) throws -> IntentEngine {
        try IntentEngine(
            LoadOptions(
                model: arguments[1], adapter: adapter.map { .named($0) } ?? .standard,
                precision: Precision(rawValue: arguments[2]), threads: Int(arguments[3]),
                instructionSet: ProcessInfo.processInfo.environment["INTENTD_INSTRUCTION_SET"]))
    }

    /// The median over rounds of loops with one tile a thread. A tile ends when all have begun, so no thread can take
    /// two and each loop costs what it takes to have every thread at work, and to see all of them end.
    private static func forkJoin(threads: Int) -> Double {
        let pool = ForkJoinPool(threadCount: threads)
        defer { pool.stop() }
        let loops = 10_000
        let rounds = (0..<9).map { _ in
            let begun = Atomic<Int>(0)
            return pool.withActiveWorkers {
                ContinuousClock().measure {
                    for loop in 1...loops {
                        pool.forEach(threads) { _, _ in
                            begun.add(1, ordering: .acquiringAndReleasing)
                            while begun.load(ordering: .acquiring) < loop * threads {}
                        }
                    }
                }.seconds / Double(loops)
            }
        }
        return rounds.sorted()[rounds.count / 2] * 1e6
    }

    static func emit(_ value: some Encodable) throws {
        FileHandle.standardOutput.write(try JSONEncoder().encode(value) + Data("\n".utf8))
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
