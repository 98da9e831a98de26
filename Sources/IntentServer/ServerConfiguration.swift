public import Engine
public import Logging

/// How the server is to be run: `intentd serve`'s options, read from flags, environment and file.
public struct ServerConfiguration: Sendable {
    /// The model to load, and how to run it.
    public var model: LoadOptions
    public var host = "127.0.0.1"
    /// 0 takes any free port.
    public var port = 8080
    /// A request is answered within this time or refused at once.
    public var latencyBound = Duration.milliseconds(50)
    /// Tokens of one batch at most; nil leaves it to batching.
    public var maximumBatchTokens: Int?
    /// A file with the bearer tokens that are accepted; nil asks for none.
    public var tokensFile: String?
    /// Listen on a public address without authentication.
    public var allowsUnauthenticated = false
    public var tls: TLSFiles?
    public var limits = ServerLimits()
    /// Time to go on serving after the first SIGTERM, while load balancers take notice.
    public var drainDelay = Duration.seconds(5)
    /// Time from the first SIGTERM to the end of the process at most.
    public var gracePeriod = Duration.seconds(25)
    public var logLevel = Logger.Level.info
    /// Threads that wait on sockets; nil picks by the number of processors.
    public var eventLoops: Int?
    /// Look for a changed adapter every second, besides SIGHUP.
    public var watchesAdapter = true

    public init(model: LoadOptions) { self.model = model }

    /// What the grace period leaves for finishing, once the drain delay is over.
    var graceAfterDrain: Duration { max(gracePeriod - drainDelay, .seconds(1)) }
}
