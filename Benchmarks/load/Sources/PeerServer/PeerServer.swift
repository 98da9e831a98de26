import ArgumentParser
import Engine
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// The same engine behind fixed-window batching or none, over the barest HTTP: what `intentd serve` is compared with.
@main
struct PeerServer: ParsableCommand {
    @Option(help: "The model folder.")
    var model = "models"
    @Option(help: "The port on 127.0.0.1.")
    var port = 8081
    @Option(help: "Compute threads; all by default.")
    var threads: Int?
    @Option(help: "Messages of a batch at most; 1 is no batching.")
    var size = 32
    @Option(help: "How long the first message waits for company, milliseconds.")
    var windowMs = 10.0
    @Option(help: "Messages that may wait.")
    var queueLimit = 1000

    func run() throws {
        let engine = try IntentEngine(LoadOptions(model: model, threads: threads))
        let queue = WindowQueue(size: size, window: size == 1 ? 0 : windowMs / 1000, limit: queueLimit)
        let tokenizer = engine.tokenizer, labels = engine.description.labels
        let server = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        ClassifyHandler(queue: queue, tokenizer: tokenizer, labels: labels))
                }
            }
        _ = try server.bind(host: "127.0.0.1", port: port).wait()
        // This thread is no pool's: it becomes the engine thread.
        queue.serve(engine)
    }
}
