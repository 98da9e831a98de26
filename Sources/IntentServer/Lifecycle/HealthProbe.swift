public import FileAccess
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Asks a server for its health over one connection of its own.
public struct HealthProbe: Sendable {
    public var host: String
    public var port: Int
    public var path: String
    public var timeout = Duration.seconds(2)
    /// The certificate is not checked: a probe asks the machine it runs on.
    public var usesTLS = false
    /// For a server that asks its clients for one.
    public var clientCertificate: String?
    public var clientKey: String?

    public init(host: String, port: Int, path: String) {
        self.host = host
        self.port = port
        self.path = path
    }

    /// Why a probe failed.
    public enum Failure: Error, Equatable, CustomStringConvertible {
        case unreachable(String)
        case noAnswer
        case status(Int)
        case file(FileError)
        case certificate(String)

        public var description: String {
            switch self {
            case .unreachable(let place): "nothing answers at \(place)"
            case .noAnswer: "no answer in time"
            case .status(let code): "the server answered \(code)"
            case .file(let error): error.description
            case .certificate(let path): "\(path): the certificate or its key cannot be read"
            }
        }
    }

    /// Returns if the answer is 200.
    /// - Throws: ``Failure``.
    public func run() async throws(Failure) {
        let context = usesTLS ? try tlsContext() : nil
        let status = try await status(context)
        guard status == 200 else { throw .status(status) }
    }

    /// A server on all addresses is asked on this machine's own.
    private var target: String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }

    private func status(_ context: NIOSSLContext?) async throws(Failure) -> Int {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: Int.self)
        let limit = loop.scheduleTask(in: TimeAmount(timeout)) { answer.fail(Failure.noAnswer) }
        defer { limit.cancel() }
        ClientBootstrap(group: loop).connectTimeout(TimeAmount(timeout)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let context {
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                }
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(StatusHandler(host: target, path: path, answer: answer))
            }
        }.connect(host: target, port: port).whenFailure { _ in
            answer.fail(Failure.unreachable("\(target):\(port)"))
        }
        do { return try await answer.futureResult.get() } catch {
            throw error as? Failure ?? .unreachable("\(target):\(port)")
        }
    }

    private func tlsContext() throws(Failure) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        do {
            if let clientCertificate, let clientKey {
                configuration.certificateChain =
                    try NIOSSLCertificate.fromPEMBytes(RegularFile.contents(clientCertificate)).map { .certificate($0) }
                configuration.privateKey = .privateKey(
                    try NIOSSLPrivateKey(bytes: RegularFile.contents(clientKey), format: .pem))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch let error as FileError {
            throw .file(error)
        } catch {
            throw .certificate(clientCertificate ?? "")
        }
    }

    /// Sends the request once connected and keeps the answer's status.
    private final class StatusHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart

        let host: String
        let path: String
        let answer: EventLoopPromise<Int>

        init(host: String, path: String, answer: EventLoopPromise<Int>) {
            self.host = host
            self.path = path
            self.answer = answer
        }

        func channelActive(context: ChannelHandlerContext) {
            let headers = HTTPHeaders([("Host", host), ("Connection", "close"), ("User-Agent", "intentd-probe")])
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): answer.succeed(Int(head.status.code))
            case .body: break
            case .end: context.close(promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { answer.fail(Failure.noAnswer) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            answer.fail(Failure.noAnswer)
            context.close(promise: nil)
        }
    }
}
