import Foundation
import TestSupport

/// Runs the built program.
struct IntentdProgram {
    /// What a run gave.
    struct Result {
        var status: Int32
        var output: String
        var errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// The executable lies beside the test bundle.
    static let path: String = {
        let bundle = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        return bundle.appending(path: "intentd").path
    }()

    /// Runs to the end with `input` as standard input.
    static func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) throws -> Result {
        try run(arguments, input: Data(input.utf8), environment: environment)
    }

    static func run(_ arguments: [String], input: Data, environment: [String: String] = [:]) throws -> Result {
        let process = process(arguments, environment: environment)
        let folder = try TemporaryFolder()
        try input.write(to: folder.url("in"))
        for name in ["out", "err"] { try Data().write(to: folder.url(name)) }
        process.standardInput = try FileHandle(forReadingFrom: folder.url("in"))
        process.standardOutput = try FileHandle(forWritingTo: folder.url("out"))
        process.standardError = try FileHandle(forWritingTo: folder.url("err"))
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: try String(contentsOf: folder.url("out"), encoding: .utf8),
            errors: try String(contentsOf: folder.url("err"), encoding: .utf8))
    }

    /// A process not yet started, without this one's INTENTD variables.
    static func process(_ arguments: [String], environment: [String: String] = [:]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("INTENTD_") }
            .merging(environment) { $1 }
        return process
    }
}
