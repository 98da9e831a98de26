import CKernels
import Glibc
import Synchronization

/// A fixed set of compute threads that run one loop at a time, the calling thread among them.
///
/// `forEach` hands out tile indices from one counter, so a slow core takes fewer tiles, and returns when
/// every tile is done. A worker that has not started when the tiles run out is not waited for: a thread
/// that the kernel has descheduled delays a loop only when it holds a tile.
///
/// Between loops workers spin inside `withActiveWorkers`, for some 50 microseconds, and then block; so does the caller
/// where the last tiles take long. A thread that blocks leaves its core to one that holds a tile and has lost its own
/// to another process. Outside `withActiveWorkers` workers block at once: an idle engine uses no processor time.
///
/// Use from one thread at a time: the engine thread owns the pool.
///
/// `@unchecked Sendable`: the mutable state is atomics, plus `body` and `tileCount`, which the owner writes only
/// while no worker is inside a loop (`state` has its open bit clear and its count zero) and workers read only after
/// joining through an acquiring exchange on `state`.
public final class ForkJoinPool: @unchecked Sendable {
    /// Threads that take part in a loop, the caller included. At least 1. Only `init` writes it.
    public private(set) var threadCount: Int

    /// Bits 0-15: workers inside the current loop. Bit 16: loop open. Bits 32-63: the loop's number.
    private let state = Atomic<UInt64>(0)
    private let nextTile = Atomic<Int>(0)
    /// Counts how often workers were asked to be awake and released again: odd while they are.
    private let activity = Atomic<UInt64>(0)
    private let stopping = Atomic<Bool>(false)
    /// Where workers block, and how many do.
    private let gate = WakeGate()
    private let blocked = Atomic<Int>(0)
    /// Where the caller blocks until no worker is inside the loop, and whether it does.
    private let finished = WakeGate()
    private let callerBlocks = Atomic<Bool>(false)

    private let spread: ThreadSpread
    /// The caller's index among the threads of `spread`.
    private let callerThread: Int

    private var tileCount = 0
    private var body: ((Int, Int) -> Void)?
    private var threads: [pthread_t] = []

    private static let open: UInt64 = 1 << 16
    private static let countMask: UInt64 = 0xffff
    /// Spins before a waiting thread blocks; about 50 microseconds.
    private static let spinsBeforeBlocking = 2_000

    /// Starts `threadCount - 1` workers.
    /// - Parameter threadCount: clamped to 1...1024.
    public init(threadCount: Int) {
        self.threadCount = min(max(threadCount, 1), 1024)
        spread = ThreadSpread(threadCount: self.threadCount)
        callerThread = 0
        for index in 1..<max(self.threadCount, 1) {
            var thread = pthread_t()
            let context = Unmanaged.passRetained(WorkerContext(pool: self, thread: index))
            let status = pthread_create(&thread, nil, { argument in
                guard let argument else { return nil }
                let context = Unmanaged<WorkerContext>.fromOpaque(argument).takeRetainedValue()
                context.run()
                return nil
            }, context.toOpaque())
            guard status == 0 else {
                // Fewer threads than asked for: loops still complete, on those that started.
                context.release()
                self.threadCount = index
                break
            }
            threads.append(thread)
        }
    }

    /// A pool of one thread, for what thread `thread` of `pool` calls inside its tiles.
    init(inside pool: ForkJoinPool, thread: Int) {
        threadCount = 1
        spread = pool.spread
        callerThread = thread
    }

    /// Ends the workers and waits for them. They hold the pool until then, so its owner must call this.
    /// Loops run after it use the calling thread alone.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        gate.wakeAll()
        for thread in threads { pthread_join(thread, nil) }
        threads.removeAll()
    }

    /// Runs `work` with the workers awake, so that a loop inside it starts in about a microsecond.
    public func withActiveWorkers<Result>(_ work: () throws -> Result) rethrows -> Result {
        if threads.isEmpty { return try work() }
        activity.add(1, ordering: .releasing)
        gate.wakeAll()
        defer { activity.add(1, ordering: .releasing) }
        return try work()
    }

    /// Calls `body` once with each of `0..<tiles`, on all threads, and returns when all calls have returned.
    /// Tiles must be independent. The caller must be inside `withActiveWorkers` for other threads to help.
    /// - Parameter body: takes the tile and the thread it runs on, `0..<threadCount`: for per-thread scratch memory.
    public func forEach(_ tiles: Int, _ body: (_ tile: Int, _ thread: Int) -> Void) {
        if tiles <= 1 || threads.isEmpty {
            spread.settle(callerThread)
            for tile in 0..<max(tiles, 0) { body(tile, 0) }
            return
        }
        withoutActuallyEscaping(body) { body in
            self.body = body
            tileCount = tiles
            nextTile.store(0, ordering: .relaxed)
            let loop = (state.load(ordering: .relaxed) >> 32) &+ 1
            // Both sides of each wake-up are sequentially consistent: either the worker sees the loop before it
            // blocks, or this thread sees that the worker does; the same of the caller and the last worker's leave.
            state.store((loop << 32) | Self.open, ordering: .sequentiallyConsistent)
            if blocked.load(ordering: .sequentiallyConsistent) > 0 { gate.wakeAll() }

            runTiles(0, body)

            state.bitwiseAnd(~Self.open, ordering: .acquiringAndReleasing)
            waitForWorkers()
            self.body = nil
        }
    }

    /// Returns when no worker is inside the loop.
    private func waitForWorkers() {
        for _ in 0..<Self.spinsBeforeBlocking {
            if state.load(ordering: .acquiring) & Self.countMask == 0 { return }
            ck_pause()
        }
        callerBlocks.store(true, ordering: .sequentiallyConsistent)
        finished.wait { state.load(ordering: .sequentiallyConsistent) & Self.countMask == 0 }
        callerBlocks.store(false, ordering: .relaxed)
    }

    private func runTiles(_ thread: Int, _ body: (Int, Int) -> Void) {
        while true {
            let tile = nextTile.add(1, ordering: .relaxed).oldValue
            guard tile < tileCount else { return }
            spread.settle(thread)
            body(tile, thread)
        }
    }

    /// A worker's life: join each open loop once, spin a while when there is none, then block.
    fileprivate func work(_ thread: Int) {
        var lastLoop: UInt64 = 0
        var spins = 0
        while !stopping.load(ordering: .acquiring) {
            let seen = state.load(ordering: .acquiring)
            if isNew(seen, lastLoop) {
                let joined = state.compareExchange(
                    expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing
                ).exchanged
                guard joined else { continue }
                if let body { runTiles(thread, body) }
                let left = state.subtract(1, ordering: .sequentiallyConsistent).newValue
                if left & Self.countMask == 0, callerBlocks.load(ordering: .sequentiallyConsistent) {
                    finished.wakeAll()
                }
                lastLoop = seen >> 32
                spins = 0
                continue
            }
            let now = activity.load(ordering: .acquiring)
            if now % 2 == 1, spins < Self.spinsBeforeBlocking {
                spins += 1
                ck_pause()
            } else {
                blocked.add(1, ordering: .sequentiallyConsistent)
                gate.wait {
                    let later = activity.load(ordering: .acquiring)
                    return (later != now && later % 2 == 1) || stopping.load(ordering: .acquiring)
                        || isNew(state.load(ordering: .sequentiallyConsistent), lastLoop)
                }
                blocked.subtract(1, ordering: .relaxed)
                spins = 0
            }
        }
    }

    /// Whether `state` shows an open loop that a worker has not been in.
    private func isNew(_ state: UInt64, _ lastLoop: UInt64) -> Bool { state & Self.open != 0 && state >> 32 != lastLoop }
}

/// Carries the pool into a worker's thread.
private final class WorkerContext {
    private let pool: ForkJoinPool
    private let thread: Int

    init(pool: ForkJoinPool, thread: Int) {
        self.pool = pool
        self.thread = thread
    }

    func run() { pool.work(thread) }
}
