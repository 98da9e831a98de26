import NIOCore
import NIOPosix

/// Keep-alive connections to the service, and the requests that wait for one.
///
/// `@unchecked Sendable`: all state is touched on `loop` only, which each method checks.
final class ConnectionPool: @unchecked Sendable {
    let loop: any EventLoop
    private let target: Target
    private var idle: [ClientConnection] = []
    private var waiting = CircularBuffer<Exchange>()
    private let finished: (Exchange, Outcome) -> Void

    /// - Parameter finished: called on the loop for each request.
    init(loop: any EventLoop, target: Target, finished: @escaping (Exchange, Outcome) -> Void) {
        self.loop = loop
        self.target = target
        self.finished = finished
    }

    /// Opens all connections.
    func open() async throws {
        for _ in 0..<target.connections { try await connect().get() }
    }

    /// Sends a request, or lets it wait for a connection.
    func send(_ exchange: Exchange) {
        loop.preconditionInEventLoop()
        // The most recently used: its caches are warm, as with real clients that keep few connections.
        if let connection = idle.popLast() { connection.send(exchange) } else { waiting.append(exchange) }
    }

    private func connect() -> EventLoopFuture<Void> {
        ClientBootstrap(group: loop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = ClientConnection(
                        host: "\(self.target.host):\(self.target.port)",
                        finished: { connection, exchange, outcome in
                            if case .response = outcome { self.release(connection) }
                            self.finished(exchange, outcome)
                        },
                        closed: { connection in
                            self.idle.removeAll { $0 === connection }
                            // The service is gone or has closed the connection: try again, without haste.
                            self.loop.scheduleTask(in: .milliseconds(50)) { _ = self.connect() }
                        })
                    try channel.pipeline.syncOperations.addHandler(connection)
                    self.release(connection)
                }
            }
            .connect(host: target.host, port: target.port).map { _ in }
    }

    private func release(_ connection: ClientConnection) {
        loop.preconditionInEventLoop()
        if let next = waiting.popFirst() { connection.send(next) } else { idle.append(connection) }
    }
}
