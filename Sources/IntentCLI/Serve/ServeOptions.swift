import ArgumentParser
import IntentServer
import Logging

/// How the server listens, whom it serves, and what it bounds. Each option is also a variable and a setting of the
/// configuration file; see ``Settings``.
struct ServeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Configuration file: JSON with these options' names as members, or NAME=value lines. "
        + "Environment: INTENTD_CONFIG.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Address to listen on. (default: 127.0.0.1)", valueName: "host"))
    var host: String?

    @Option(help: ArgumentHelp("Port to listen on; 0 takes a free one. (default: 8080)", valueName: "port"))
    var port: Int?

    @Option(help: ArgumentHelp("""
        A request is answered within this time or refused at once. A fifth of it is kept free for the way between \
        client and service. (default: 50)
        """, valueName: "ms"))
    var latencyBoundMs: Double?

    @Option(help: ArgumentHelp("Tokens of one batch at most. (default: 512)", valueName: "count"))
    var maxBatchTokens: Int?

    @Option(help: ArgumentHelp("Accepted bearer tokens, one a line; read again when it changes.", valueName: "file"))
    var authTokensFile: String?

    @Flag(help: "Listen on a public address without authentication.")
    var allowUnauthenticated = false

    @Option(help: ArgumentHelp("TLS: PEM certificate chain; read again when it changes.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("TLS: PEM private key.", valueName: "file"))
    var tlsKey: String?

    @Option(help: ArgumentHelp("Mutual TLS: PEM issuers of client certificates.", valueName: "file"))
    var tlsClientCa: String?

    @Option(help: ArgumentHelp("Bytes of a request's body, also unpacked. (default: 1048576)", valueName: "bytes"))
    var maxBodyBytes: Int?

    @Option(help: ArgumentHelp("Bytes of all bodies held at once. (default: 67108864)", valueName: "bytes"))
    var maxHeldBodyBytes: Int?

    @Option(help: ArgumentHelp("Bytes of a request's head. (default: 16384)", valueName: "bytes"))
    var maxHeaderBytes: Int?

    @Option(help: ArgumentHelp("Messages of one request. (default: 256)", valueName: "count"))
    var maxRows: Int?

    @Option(help: ArgumentHelp("Open connections. (default: 4096)", valueName: "count"))
    var maxConnections: Int?

    @Option(help: ArgumentHelp("Times that a gzip body may grow. (default: 200)", valueName: "times"))
    var maxInflationRatio: Int?

    @Option(help: ArgumentHelp("Time for a request's head. (default: 10)", valueName: "seconds"))
    var headTimeout: Double?

    @Option(help: ArgumentHelp("Time for a request's body. (default: 20)", valueName: "seconds"))
    var bodyTimeout: Double?

    @Option(help: ArgumentHelp("Time that a connection may be idle. (default: 75)", valueName: "seconds"))
    var idleTimeout: Double?

    @Option(help: ArgumentHelp("Time for a client to take its answer. (default: 30)", valueName: "seconds"))
    var writeTimeout: Double?

    @Option(help: ArgumentHelp("Time to serve on after SIGTERM, not ready any more. (default: 5)",
        valueName: "seconds"))
    var drainDelay: Double?

    @Option(help: ArgumentHelp("Time from SIGTERM to the end at most. (default: 25)", valueName: "seconds"))
    var gracePeriod: Double?

    @Option(help: ArgumentHelp("Threads that read and answer requests. (default: 1 for each 4 processors)",
        valueName: "count"))
    var eventLoops: Int?

    @Option(help: ArgumentHelp("debug, info, notice, warning or error. (default: info)", valueName: "level"))
    var logLevel: String?

    /// Names of all options of the command, as the configuration file may hold them.
    static let names: Set<String> = [
        "model", "adapter", "base", "precision", "threads", "instruction-set", "host", "port", "latency-bound-ms",
        "max-batch-tokens", "auth-tokens-file", "allow-unauthenticated", "tls-certificate", "tls-key",
        "tls-client-ca", "max-body-bytes", "max-held-body-bytes", "max-header-bytes", "max-rows", "max-connections",
        "max-inflation-ratio", "head-timeout", "body-timeout", "idle-timeout", "write-timeout", "drain-delay",
        "grace-period", "event-loops", "log-level",
    ]

    /// Flags over environment over file over defaults.
    /// - Throws: `ValidationError` naming the flag, variable or setting that is wrong.
    func configuration(
        _ model: ModelOptions, environment: [String: String]
    ) throws(ValidationError) -> ServerConfiguration {
        let file = config ?? environment["INTENTD_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let settings = try Settings(file: file, names: Self.names, environment: environment)
        var result = ServerConfiguration(model: try model.loadOptions(settings))
        result.host = host ?? settings.text("host") ?? result.host
        result.port = try settings.integer(port, "port", in: 0...65_535) ?? result.port
        result.latencyBound = try settings.duration(
            latencyBoundMs, "latency-bound-ms", in: 1...600_000, unit: .milliseconds(1)) ?? result.latencyBound
        result.maximumBatchTokens = try settings.integer(maxBatchTokens, "max-batch-tokens", in: 1...1_048_576)
        result.tokensFile = authTokensFile ?? settings.text("auth-tokens-file")
        result.allowsUnauthenticated = try settings.flag(allowUnauthenticated, "allow-unauthenticated")
        result.tls = try tls(settings)
        result.limits = try limits(settings)
        result.drainDelay = try seconds(drainDelay, "drain-delay", 0, settings) ?? result.drainDelay
        result.gracePeriod = try seconds(gracePeriod, "grace-period", 1, settings) ?? result.gracePeriod
        guard result.gracePeriod > result.drainDelay else {
            throw ValidationError("--grace-period must be longer than --drain-delay")
        }
        result.eventLoops = try settings.integer(eventLoops, "event-loops", in: 1...64)
        result.logLevel = try level(settings) ?? result.logLevel
        return result
    }

    private func tls(_ settings: Settings) throws(ValidationError) -> TLSFiles? {
        let certificate = tlsCertificate ?? settings.text("tls-certificate")
        let key = tlsKey ?? settings.text("tls-key")
        let authorities = tlsClientCa ?? settings.text("tls-client-ca")
        switch (certificate, key) {
        case (let certificate?, let key?):
            return TLSFiles(certificate: certificate, key: key, clientAuthorities: authorities)
        case (nil, nil) where authorities == nil: return nil
        default: throw ValidationError("TLS needs both --tls-certificate and --tls-key")
        }
    }

    private func limits(_ settings: Settings) throws(ValidationError) -> ServerLimits {
        var limits = ServerLimits()
        let bytes = 1024...(1 << 40)
        limits.bodyBytes =
            try settings.integer(maxBodyBytes, "max-body-bytes", in: 1024...(1 << 30)) ?? limits.bodyBytes
        limits.heldBodyBytes =
            try settings.integer(maxHeldBodyBytes, "max-held-body-bytes", in: bytes) ?? limits.heldBodyBytes
        limits.headerBytes =
            try settings.integer(maxHeaderBytes, "max-header-bytes", in: 1024...(1 << 20)) ?? limits.headerBytes
        limits.rows = try settings.integer(maxRows, "max-rows", in: 1...65_536) ?? limits.rows
        limits.connections =
            try settings.integer(maxConnections, "max-connections", in: 1...1_000_000) ?? limits.connections
        limits.inflationRatio =
            try settings.integer(maxInflationRatio, "max-inflation-ratio", in: 1...1100) ?? limits.inflationRatio
        limits.headTimeout = try seconds(headTimeout, "head-timeout", 0.1, settings) ?? limits.headTimeout
        limits.bodyTimeout = try seconds(bodyTimeout, "body-timeout", 0.1, settings) ?? limits.bodyTimeout
        limits.idleTimeout = try seconds(idleTimeout, "idle-timeout", 0.1, settings) ?? limits.idleTimeout
        limits.writeTimeout = try seconds(writeTimeout, "write-timeout", 0.1, settings) ?? limits.writeTimeout
        guard limits.heldBodyBytes >= limits.bodyBytes else {
            throw ValidationError("--max-held-body-bytes must not be below --max-body-bytes")
        }
        return limits
    }

    private func seconds(
        _ flag: Double?, _ name: String, _ minimum: Double, _ settings: Settings
    ) throws(ValidationError) -> Duration? {
        try settings.duration(flag, name, in: minimum...86_400, unit: .seconds(1))
    }

    /// Trace is left out: libraries log what clients sent there.
    private func level(_ settings: Settings) throws(ValidationError) -> Logger.Level? {
        guard let name = logLevel ?? settings.text("log-level") else { return nil }
        guard let level = Logger.Level(rawValue: name), level > .trace else {
            let place = logLevel == nil ? settings.origin("log-level") : "--log-level"
            throw ValidationError("\(place) must be debug, info, notice, warning or error")
        }
        return level
    }
}
