import ArgumentParser
import FoundationEssentials
import IntentServer

/// `intentd probe`: asks a running server for its health, for container health checks without another program.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Ask a running server for its health: exit status 0 if it is ready, 1 if not.",
        discussion: """
            Host and port are read from INTENTD_HOST and INTENTD_PORT, as 'intentd serve' reads them, so that the same \
            environment serves both.
            """)

    @Option(help: ArgumentHelp("Address of the server. (default: 127.0.0.1)", valueName: "host"))
    var host: String?

    @Option(help: ArgumentHelp("Port of the server. (default: 8080)", valueName: "port"))
    var port: Int?

    @Option(help: ArgumentHelp("What to ask: /readyz, /livez or /healthz.", valueName: "path"))
    var path = "/readyz"

    @Option(help: ArgumentHelp("Time for the answer.", valueName: "seconds"))
    var timeout = 2.0

    @Flag(help: """
        Speak TLS. The certificate is not checked: the probe asks its own machine. (default: INTENTD_TLS_CERTIFICATE is \
        set)
        """)
    var tls = false

    @Option(help: ArgumentHelp("Mutual TLS: PEM certificate to show.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("Mutual TLS: its PEM key.", valueName: "file"))
    var key: String?

    func validate() throws {
        guard ["/readyz", "/livez", "/healthz"].contains(path) else {
            throw ValidationError("--path must be /readyz, /livez or /healthz")
        }
        guard (0.1...3600).contains(timeout) else { throw ValidationError("--timeout must be 0.1 to 3600") }
        guard (certificate == nil) == (key == nil) else {
            throw ValidationError("--certificate and --key belong together")
        }
    }

    func run() async throws {
        let settings = try Settings(file: nil, names: [], environment: ProcessInfo.processInfo.environment)
        var probe = HealthProbe(
            host: host ?? settings.text("host") ?? "127.0.0.1",
            port: try settings.integer(port, "port", in: 1...65_535) ?? 8080, path: path)
        probe.timeout = .seconds(1) * timeout
        probe.usesTLS = tls || certificate != nil || settings.text("tls-certificate") != nil
        probe.clientCertificate = certificate
        probe.clientKey = key
        try await probe.run()
    }
}
