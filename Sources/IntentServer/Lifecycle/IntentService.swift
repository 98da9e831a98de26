import Batching
import CoreMetrics
import Engine
import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The whole server: built from a configuration, run until it is told to stop.
///
/// Services stop in this order: the HTTP server after its last answer, the watchers, the model. The process then ends
/// inside the grace period whatever happens.
public struct IntentService: Sendable {
    private let configuration: ServerConfiguration
    private let authenticator: Authenticator?
    private let tls: TLSContextSource?
    private let logger: Logger
    private let readiness = Readiness()
    private let metrics = ServiceMetrics()

    /// Reads what the server needs besides the model.
    /// - Throws: ``StartError`` saying what to change.
    public init(_ configuration: ServerConfiguration) throws(StartError) {
        self.configuration = configuration
        authenticator = try configuration.tokensFile.map { path throws(StartError) in try Authenticator(path: path) }
        tls = try configuration.tls.map { files throws(StartError) in try TLSContextSource(files) }
        logger = Self.logger("intentd", configuration.logLevel)
        try BindPolicy.check(
            host: configuration.host,
            isAuthenticated: authenticator != nil || configuration.tls?.clientAuthorities != nil,
            allowsAnyone: configuration.allowsUnauthenticated)
    }

    /// Sends the logs and metrics of libraries where the service's own go. Once a process.
    public func bootstrap() {
        let level = configuration.logLevel
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: max(level, .notice)) }
        MetricsSystem.bootstrap(metrics.registry)
    }

    /// Serves until the process is told to stop by a signal.
    /// - Parameters:
    ///   - progress: layers packed and layers there are, while the model loads.
    ///   - onListening: the port in use, once connections are taken.
    /// - Throws: ``StartError``, or what made a service fail.
    public func run(
        progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in },
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws {
        signal(SIGPIPE, SIG_IGN)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops ?? Self.eventLoops())
        let replacements = ReplacementRequests()
        let group = ServiceGroup(
            configuration: groupConfiguration(eventLoops, replacements, progress: progress, onListening: onListening))
        let handling = SignalHandling(
            readiness: readiness, drainDelay: configuration.drainDelay, replacements: replacements, logger: logger)
        let remaining = configuration.graceAfterDrain
        let result = await withTaskGroup(of: Result<Void, any Error>.self) { tasks in
            tasks.addTask { await Self.result { try await group.run() } }
            tasks.addTask { [logger] in
                await Self.result {
                    try await handling.run(signals) {
                        Self.endProcess(after: remaining, logger)
                        await group.triggerGracefulShutdown()
                    }
                    try await Task.sleep(for: .seconds(Int64.max / 2))
                }
            }
            let first = await tasks.next() ?? .success(())
            tasks.cancelAll()
            return first
        }
        try? await eventLoops.shutdownGracefully()
        if case .failure(let error) = result { throw startError(error) }
        logger.notice("stopped")
    }

    private func groupConfiguration(
        _ eventLoops: MultiThreadedEventLoopGroup, _ replacements: ReplacementRequests,
        progress: @escaping @Sendable (Int, Int) -> Void, onListening: @escaping @Sendable (Int) -> Void
    ) -> ServiceGroupConfiguration {
        var batching = BatchingConfiguration(latencyBound: configuration.latencyBound)
        if let tokens = configuration.maximumBatchTokens { batching.maxBatchTokens = tokens }
        let model = ModelService(
            options: configuration.model,
            classifier: EngineClassifier(
                configuration.model, configuration: batching, metrics: metrics, progress: progress),
            readiness: readiness, metrics: metrics, replacements: replacements, logger: logger)
        let services: [any Service] = [model] + watchers(replacements) + [application(eventLoops, onListening)]
        var group = ServiceGroupConfiguration(services: services, logger: Self.logger("lifecycle", .warning))
        // Time is left for what is cancelled to end by itself.
        group.maximumGracefulShutdownDuration = configuration.graceAfterDrain * 0.8
        return group
    }

    private func application(
        _ eventLoops: MultiThreadedEventLoopGroup, _ onListening: @escaping @Sendable (Int) -> Void
    ) -> some Service {
        let routes = ServiceRoutes(
            readiness: readiness, metrics: metrics, limits: configuration.limits)
        let (host, isEncrypted, serverName) = (configuration.host, tls != nil, "intentd")
        let gate = routes.gate(authenticator: authenticator, logger: logger, serverName: serverName)
        return Application(
            router: routes.router(authenticator: authenticator, logger: logger),
            server: .guarded(limits: configuration.limits, metrics: metrics, tls: tls, gate: gate),
            configuration: ApplicationConfiguration(
                address: .hostname(host, port: configuration.port), serverName: serverName, backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    connectionLimit(), logger: Self.logger("connections", .warning))),
            onServerRunning: { [logger] channel in
                let port = channel.localAddress?.port ?? 0
                logger.notice(
                    "listening",
                    metadata: [
                        "host": .string(host), "port": .stringConvertible(port), "tls": .string("\(isEncrypted)"),
                    ])
                onListening(port)
            },
            eventLoopGroupProvider: .shared(eventLoops), logger: Self.logger("http", .warning))
    }

    private func watchers(_ replacements: ReplacementRequests) -> [any Service] {
        var watchers: [any Service] = []
        if let authenticator {
            let path = authenticator.path
            watchers.append(
                FileWatcher(paths: { [path] }) { [logger] in
                    report("tokens", logger) { () throws(StartError) in try authenticator.reload() }
                })
        }
        if let tls {
            watchers.append(
                FileWatcher(paths: { tls.files.paths }) { [logger] in
                    report("certificates", logger) { () throws(StartError) in try tls.reload() }
                })
        }
        if configuration.watchesAdapter {
            let options = configuration.model
            let folder = { @Sendable in
                try? ModelFolder(path: options.model, adapter: options.adapter, base: options.base).adapter
            }
            watchers.append(
                FileWatcher(paths: { folder().map { [$0] } ?? [] }) {
                    replacements.ask("the adapter's folder changed")
                })
        }
        return watchers
    }

    // MARK: the process

    /// An error as it is shown: an address that cannot be used says which.
    private func startError(_ error: any Error) -> any Error {
        let reason: String
        switch error {
        case let error as IOError: reason = String(cString: strerror(error.errnoCode))
        case is SocketAddressError, is SocketAddressError.UnknownHost: reason = "the host is not known"
        default: return error
        }
        return StartError.address(host: configuration.host, port: configuration.port, reason: reason)
    }

    private static func result(_ body: () async throws -> Void) async -> Result<Void, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    /// Ends the process if it is still there after the grace period, so that no supervisor has to kill it.
    private static func endProcess(after grace: Duration, _ logger: Logger) {
        Task.detached {
            try? await Task.sleep(for: grace)
            logger.error("the grace period is over; ending with requests in flight")
            _exit(1)
        }
    }

    private static func logger(_ label: String, _ level: Logger.Level) -> Logger {
        Logger(label: label) { JSONLogHandler(label: $0, level: level) }
    }

    /// Requests are served on the threads that read them; a thread serves what several cores can compute.
    private static func eventLoops() -> Int { min(max(System.coreCount / 4, 1), 16) }

    /// Connections to take: as many as are asked for and the system has files for. Beyond its limit, accepting would
    /// fail again and again, and nothing else could be opened: no adapter, no token file.
    private func connectionLimit() -> Int {
        let wanted = configuration.limits.connections
        let limit = DescriptorLimit.raised().connections(wanted: wanted)
        if limit < wanted {
            logger.warning(
                "fewer connections than asked for: the system's limit of open files is low",
                metadata: ["asked": .stringConvertible(wanted), "taken": .stringConvertible(limit)])
        }
        return limit
    }
}

/// Logs how reading files again went; what was there before stays in force if it failed.
private func report(_ what: String, _ logger: Logger, _ reload: () throws(StartError) -> Void) {
    do {
        try reload()
        logger.notice("reloaded", metadata: ["what": .string(what)])
    } catch {
        logger.error(
            "not reloaded; the old ones stay", metadata: ["what": .string(what), "reason": .string("\(error)")])
    }
}
