import ArgumentParser
import Engine
import FoundationEssentials
import IntentServer
import Synchronization

/// `intentd serve`: answers HTTP until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Classifies messages over HTTP, each within a latency bound.",
        discussion: """
            Every option --some-name is also the environment variable INTENTD_SOME_NAME, and the member "some-name" of \
            a JSON configuration file (or a line INTENTD_SOME_NAME=value of any other). A flag wins over the \
            environment, that over the file, that over the default.

            SIGTERM or Ctrl-C stops the server: not ready at once, serving what still arrives for --drain-delay, then \
            finishing what is in flight. A second one skips the delay, a third the finishing. SIGHUP, or a changed \
            adapter folder, puts a new adapter in service; if it fails its self-test, the old one serves on.

            Logs are JSON lines on standard error and hold no text of any message.
            """)

    @OptionGroup(title: "Model") var model: ModelOptions
    @OptionGroup(title: "Server") var options: ServeOptions

    func run() async throws {
        let configuration = try options.configuration(model, environment: ProcessInfo.processInfo.environment)
        let service = try IntentService(configuration)
        service.bootstrap()
        let line = LoadingLine(model: configuration.model.model)
        try await service.run(progress: line.show)
    }
}

/// The line on a terminal that shows how far the model is loaded.
private final class LoadingLine: Sendable {
    private let model: String
    private let line = Mutex(ProgressLine())

    init(model: String) { self.model = model }

    @Sendable func show(done: Int, total: Int) {
        line.withLock { line in
            if done < total { line.show { "loading \(model): layer \(done) of \(total)" } } else { line.clear() }
        }
    }
}
