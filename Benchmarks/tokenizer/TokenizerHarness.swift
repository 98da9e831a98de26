import Foundation
import SentencePiece
import SentencePieceOracle

/// The Swift side of the tokenizer's oracle and benchmark; the Python scripts beside it and in Tests/oracle drive it.
///
///     tokenizer-harness compare MODEL CASES     compares with recorded cases; exit status 1 on a difference
///     tokenizer-harness time MODEL MESSAGES N   encodes every line N times; prints seconds for each round
///     tokenizer-harness load MODEL N            loads the model N times; prints seconds for each
///     tokenizer-harness fuzz SEED N MODEL...    loads N damaged models; exit status 1 if one that loads misbehaves
@main
struct TokenizerHarness {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        switch (arguments.first, arguments.count) {
        case ("compare", 3):
            var comparison = CaseComparison()
            comparison.run(
                try SentencePieceTokenizer(contentsOf: arguments[2]), try RecordedCases(path: arguments[3]))
            for report in comparison.reports { FileHandle.standardError.write(Data((report + "\n").utf8)) }
            print("{\"cases\": \(comparison.total), \"different\": \(comparison.different)}")
            exit(comparison.different == 0 && comparison.total > 0 ? 0 : 1)
        case ("time", 4):
            try time(try SentencePieceTokenizer(contentsOf: arguments[2]), arguments[3], rounds: Int(arguments[4]) ?? 1)
        case ("load", 3):
            for _ in 0..<(Int(arguments[3]) ?? 1) {
                let start = ContinuousClock.now
                let tokenizer = try SentencePieceTokenizer(contentsOf: arguments[2])
                print(seconds(since: start), tokenizer.vocabularySize)
            }
        case ("fuzz", 4...):
            let models = try arguments.dropFirst(3).map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0))) }
            try fuzz(models, seed: UInt64(arguments[2]) ?? 0, count: Int(arguments[3]) ?? 0)
        default:
            FileHandle.standardError.write(
                Data(
                    """
                    usage: tokenizer-harness compare MODEL CASES | time MODEL MESSAGES N | load MODEL N
                           tokenizer-harness fuzz SEED N MODEL...

                    """.utf8))
            exit(2)
        }
    }

    /// One line of output a round: seconds, ids made.
    private static func time(_ tokenizer: SentencePieceTokenizer, _ path: String, rounds: Int) throws {
        let messages = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        for _ in 0..<rounds {
            var ids = 0
            let start = ContinuousClock.now
            for message in messages { ids += tokenizer.encode(message).count }
            print(seconds(since: start), ids)
        }
    }

    private static func fuzz(_ models: [[UInt8]], seed: UInt64, count: Int) throws {
        var fuzzer = ModelFuzzer(models: models, seed: seed)
        let start = ContinuousClock.now
        for index in 1...max(count, 1) {
            fuzzer.step()
            if isatty(2) == 1, index % 10000 == 0 {
                FileHandle.standardError.write(Data("\r\(index) of \(count) models".utf8))
            }
        }
        let outcome = fuzzer.outcome
        for fault in outcome.faults { FileHandle.standardError.write(Data((fault + "\n").utf8)) }
        print(
            "{\"refused\": \(outcome.refused), \"loaded\": \(outcome.loaded), \"faults\": \(outcome.faults.count), "
                + "\"peak_mib\": \(peakMemory >> 20), \"seconds\": \(seconds(since: start))}")
        exit(outcome.faults.isEmpty ? 0 : 1)
    }

    /// Largest resident size of this process so far, in bytes.
    private static var peakMemory: Int {
        var usage = rusage()
        _ = getrusage(numericCast(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        let duration = ContinuousClock.now - start
        return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
