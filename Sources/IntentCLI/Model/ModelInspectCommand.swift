import ArgumentParser
import Engine

/// `intentd model inspect`: what a model folder holds and how it would run here.
struct ModelInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show a model's architecture, memory, precision, kernels and file hashes.",
        discussion: """
            The model is loaded as it would be to serve. Hashes are computed from the files; where a folder has \
            SHA256SUMS they are compared with it, and a difference ends the command with status 1.
            """)

    @OptionGroup(title: "Model") var model: ModelOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let engine = try EngineLoader.load(try model.loadOptions())
        let description = engine.description
        engine.stop()
        let inspection = ModelInspection(description, files: try ModelFileHash.all(of: description))
        try StandardOutput.write(json ? try inspection.json() : inspection.text)
        guard inspection.files.allSatisfy({ $0.matches != false }) else { throw ExitCode.failure }
    }
}
