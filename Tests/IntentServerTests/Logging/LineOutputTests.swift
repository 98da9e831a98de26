import Glibc
import Testing

@testable import IntentServer

/// Log lines behind a reader that reads, and behind one that does not.
struct LineOutputTests {
    private struct Pipe: ~Copyable {
        let reading, writing: Int32

        init() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
            _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        }

        /// What is in the pipe now.
        func drain() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 20), filled = 0
            while true {
                let count = bytes.withUnsafeMutableBytes { read(reading, $0.baseAddress! + filled, $0.count - filled) }
                guard count > 0 else { break }
                filled += count
            }
            return String(decoding: bytes[..<filled], as: UTF8.self)
        }

        deinit {
            close(reading)
            close(writing)
        }
    }

    @Test func linesArriveWhole() throws {
        let pipe = try Pipe()
        let output = LineOutput(descriptor: pipe.writing)
        let long = String(repeating: "x", count: 10_000) + "\n"
        for line in ["a\n", long, "b\n"] { output.write(Array(line.utf8)) }
        #expect(pipe.drain() == "a\n" + long + "b\n")
    }

    /// As when a log collector hangs: the service would hang with it.
    @Test(.timeLimit(.minutes(1))) func aReaderThatTakesNothingIsNotWaitedFor() throws {
        let pipe = try Pipe()
        let output = LineOutput(descriptor: pipe.writing)
        let line = String(repeating: "x", count: 999) + "\n"
        let clock = ContinuousClock()
        // Twice what a pipe holds.
        let time = clock.measure { for _ in 0..<132 { output.write(Array(line.utf8)) } }
        #expect(time < .seconds(1))
        let kept = pipe.drain().count / line.count
        #expect(kept > 0 && kept < 132)
        output.write(Array("next\n".utf8))
        let rest = pipe.drain()
        #expect(rest.hasSuffix("next\n") && rest.contains("\"lines\":\(132 - kept)}\n"), "\(rest)")
    }

    /// What comes behind half a line starts a line of its own.
    @Test(.timeLimit(.minutes(1))) func aLineThatIsCutEnds() throws {
        let pipe = try Pipe()
        let output = LineOutput(descriptor: pipe.writing)
        let line = String(repeating: "x", count: 100_000) + "\n"
        output.write(Array(line.utf8))
        let cut = pipe.drain()
        #expect(!cut.isEmpty && cut.allSatisfy { $0 == "x" } && cut.count < line.count)
        output.write(Array("next\n".utf8))
        let lines = pipe.drain().split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4 && lines[0] == "" && lines[1].contains("\"lines\":1}") && lines[2] == "next")
    }

    /// Without the service's ending by a signal.
    @Test func aDescriptorThatIsGoneIsNoFault() throws {
        let output = LineOutput(descriptor: -1)
        output.write(Array("a\n".utf8))
        output.write(Array("b\n".utf8))
    }
}
