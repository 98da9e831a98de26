import NIOCore

/// Runs the tasks of a connection on the event loop that reads it.
///
/// A small request then goes from its first byte to its answer on one thread: reading, parsing, admission and writing
/// follow one another without a wake-up. On the cooperative pool each step would wait for the kernel to take a core
/// from the engine. What takes long belongs elsewhere: see ``offLoop(bytes:_:)``.
final class EventLoopExecutor: TaskExecutor {
    /// Bytes of a body up to which it is parsed, split and packed on the event loop: well below a millisecond.
    static let inlineBytes = 8 << 10

    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Runs `work` on the cooperative pool if a body is so large that other connections would wait for it.
    static func offLoop<Value>(
        bytes: Int, _ work: () async throws -> Value
    ) async throws -> Value {
        guard bytes > inlineBytes else { return try await work() }
        return try await withTaskExecutorPreference(globalConcurrentExecutor, operation: work)
    }
}
