import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// An HTTP/1.1 connection with TLS in front, if it is on, and the guard behind.
struct GuardedChannel<Base: ServerChildChannel>: ServerChildChannel {
    /// The library's channel, and the connection as request handlers see it.
    struct Value: ServerChildChannelValue {
        let base: Base.Value
        let connection: ClientConnection
        var channel: any Channel { base.channel }
    }

    let base: Base
    let tls: TLSContextSource?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let connection = ClientConnection(executor: EventLoopExecutor(channel.eventLoop))
        return channel.eventLoop.makeCompletedFuture {
            if let tls {
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.context))
            }
            try channel.pipeline.syncOperations.addHandler(ActivityHandler(connection: connection))
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.map { Value(base: $0, connection: connection) }
    }

    func handle(value: Value, logger: Logger) async {
        await ClientConnection.$current.withValue(value.connection) {
            await withTaskExecutorPreference(value.connection.executor) {
                await base.handle(value: value.base, logger: logger)
            }
        }
    }
}

extension HTTPServerBuilder {
    /// HTTP/1.1 whose connections are guarded.
    static func guarded(
        limits: ServerLimits, metrics: ServiceMetrics, tls: TLSContextSource?, gate: OverloadGate?
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            let configuration = HTTP1Channel.Configuration(
                additionalChannelHandlers: [ConnectionGuard(limits: limits, metrics: metrics, gate: gate)],
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: 100))
            return GuardedChannel(base: HTTP1Channel(responder: responder, configuration: configuration), tls: tls)
        }
    }
}
