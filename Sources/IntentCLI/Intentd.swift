import ArgumentParser
import IntentServer

/// The program: `intentd SUBCOMMAND`.
@main
struct Intentd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intentd",
        abstract: "Turns a customer's message into a banking intent, on CPUs.",
        discussion: """
            Data goes to standard output; progress and errors go to standard error.

            EXIT STATUS
              0    all went well
              1    the command failed; standard error says why
              3    some input lines could not be scored; each is reported in its place
              64   the command line or an environment variable is wrong
              130  stopped by Ctrl-C (143: by SIGTERM); whole lines were written
              141  the reader of the output went away
            """,
        version: IntentdVersion.current,
        subcommands: [
            ServeCommand.self, ProbeCommand.self, ScoreCommand.self, EvaluateCommand.self, TokenizeCommand.self,
            ModelCommand.self, PlanCommand.self,
        ])

    static func main() async {
        StandardDescriptors.occupy()
        await main(nil)
    }
}
