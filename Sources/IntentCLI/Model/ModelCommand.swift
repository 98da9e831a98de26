import ArgumentParser

/// `intentd model SUBCOMMAND`: what has to do with model files.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Build, inspect and compare models.",
        subcommands: [ModelBuildCommand.self, ModelInspectCommand.self, ModelHiddenCommand.self])
}
