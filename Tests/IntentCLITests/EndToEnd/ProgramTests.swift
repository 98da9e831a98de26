import Foundation
import Testing
@testable import IntentCLI

/// The program's own manners: help, statuses, errors.
@Suite(.serialized) struct ProgramTests {
    @Test func saysItsVersion() throws {
        let result = try IntentdProgram.run(["--version"])
        #expect(result.status == 0)
        #expect(result.output.split(separator: ".").count == 3)
    }

    @Test func helpListsEveryCommandAndStatus() throws {
        let help = try IntentdProgram.run(["--help"]).output
        for word in ["serve", "probe", "score", "evaluate", "tokenize", "model", "plan", "130", "141"] {
            #expect(help.contains(word))
        }
    }

    @Test(arguments: [
        (["score", "--top-k", "0"], "--top-k must be at least 1"),
        (["score", "--threshold", "2"], "--threshold must be 0 to 1"),
        (["score", "--format", "xml"], "format"), (["score", "--precision", "fp8"], "precision"),
        (["score", "--threads", "0"], "--threads must be 1 to 1024"), (["unknown"], "unknown"),
        (["plan", "--rps", "0"], "--rps"), (["plan", "--rps", "1", "--target", "1"], "--target must be"),
        (["evaluate"], "file"),
    ])
    func wrongUsageEndsWith64(arguments: [String], reason: String) throws {
        let result = try IntentdProgram.run(arguments)
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(reason))
    }

    @Test(arguments: [
        ("INTENTD_THREADS", "many", "INTENTD_THREADS must be a whole number, 1 to 1024"),
        ("INTENTD_PRECISION", "fp8", "INTENTD_PRECISION must be one of auto, reference, f32, bf16, int8, nf4"),
    ])
    func wrongVariablesEndWith64(name: String, value: String, reason: String) throws {
        let result = try IntentdProgram.run(["score"], environment: [name: value])
        #expect(result.status == 64)
        #expect(result.errors.contains(reason))
    }

    @Test func aMissingModelIsNamed() throws {
        let result = try IntentdProgram.run(["score", "--model", "/nowhere"], input: "hello\n")
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains("/nowhere"))
    }

    @Test func planNeedsNoModelWhenTheSpeedIsGiven() throws {
        let result = try IntentdProgram.run(
            ["plan", "--rps", "1000", "--fixed-ms", "1", "--per-token-ms", "0.25", "--threads", "2", "--json"])
        #expect(result.status == 0)
        let plan = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let replicas = try #require(plan?["replicas"] as? Int)
        #expect(plan?["cores"] as? Int == (replicas + 1) * 2)
        #expect(try #require(plan?["answered_in_time"] as? Double) > 0.998)
    }

    @Test func planChecksTheWholeFleet() throws {
        let result = try IntentdProgram.run(
            ["plan", "--rps", "1000", "--fixed-ms", "1", "--per-token-ms", "0.25", "--threads", "2", "--check",
             "--json"])
        #expect(result.status == 0)
        let plan = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        let fleet = try #require(plan?["fleet"] as? [[String: Any]])
        #expect(fleet.map { $0["balancer"] as? String } == ["random", "turns"])
        for check in fleet {
            #expect(check["replicas"] as? Int == plan?["replicas"] as? Int)
            #expect(try #require(check["answered_in_time"] as? Double) > 0.998)
        }
    }

    @Test func anAnswerThatCannotBeWrittenIsAnError() throws {
        let process = IntentdProgram.process(["plan", "--rps", "10", "--fixed-ms", "1", "--per-token-ms", "0.2"])
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let errors = Pipe()
        process.standardOutput = full
        process.standardError = errors
        try process.run()
        try errors.fileHandleForWriting.close()
        let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        #expect(text.contains("cannot write the output: No space left on device"))
    }

    @Test func aPlanThatCannotBeIsAnError() throws {
        let result = try IntentdProgram.run(
            ["plan", "--rps", "1000", "--fixed-ms", "60", "--per-token-ms", "0.25", "--bound-ms", "50"])
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains("no number of replicas is enough"))
    }
}
