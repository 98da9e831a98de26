import NIOCore
import NIOPosix
import Testing

@testable import IntentServer

/// Where a connection's work runs.
struct EventLoopExecutorTests {
    @Test func smallWorkStaysOnTheLoopAndLargeWorkLeavesIt() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let size = EventLoopExecutor.inlineBytes
        let places = try await withTaskExecutorPreference(EventLoopExecutor(loop)) { () async throws -> [Bool] in
            var places = [loop.inEventLoop]
            await Task.yield()
            places.append(loop.inEventLoop)
            places.append(try await EventLoopExecutor.offLoop(bytes: size) { loop.inEventLoop })
            places.append(try await EventLoopExecutor.offLoop(bytes: size + 1) { loop.inEventLoop })
            places.append(loop.inEventLoop)
            return places
        }
        #expect(places == [true, true, true, false, true])
        try await group.shutdownGracefully()
    }

    /// A message's size decides where it is split into tokens.
    @Test func cancellableWorkGoesWhereItsSizeBelongs() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let connection = ClientConnection(executor: EventLoopExecutor(loop))
        let small = try await connection.cancellingOnClose(bytes: 10) { loop.inEventLoop }
        let large = try await connection.cancellingOnClose(bytes: 100_000) { loop.inEventLoop }
        #expect(small && !large)
        try await group.shutdownGracefully()
    }
}
