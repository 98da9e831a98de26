import CKernels
import Glibc
import Synchronization

/// A fixed set of compute threads that run one loop at a time, the calling thread among them.
///
/// `forEach` hands out tile indices from one counter, so a slow core takes fewer tiles, and returns when
/// every tile is done. A worker that has not started when the tiles run out is not waited for: a thread
/// that the kernel has descheduled delays a loop only when it holds a tile.
///
/// Workers spin between loops only inside `withActiveWorkers`; outside it they block, so an idle engine
/// uses no processor time.
///
/// Use from one thread at a time: the engine thread owns the pool.
///
/// `@unchecked Sendable`: the mutable state is atomics, plus `body`, which the owner writes only while no
/// worker is inside a loop (`state` has its open bit clear and its count zero) and workers read only after
/// joining through an acquiring exchange on `state`.
public final class ForkJoinPool: @unchecked Sendable {
    /// Threads that take part in a loop, the caller included. At least 1.
    public let threadCount: Int

    /// Bits 0-15: workers inside the current loop. Bit 16: loop open. Bits 32-63: the loop's number.
    private let state = Atomic<UInt64>(0)
    private let nextTile = Atomic<Int>(0)
    private let active = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    private let gate = WakeGate()

    private var tileCount = 0
    private var body: ((Int, Int) -> Void)?
    private var threads: [pthread_t] = []

    private static let open: UInt64 = 1 << 16
    private static let countMask: UInt64 = 0xffff
    /// Spins before a waiting thread offers its core to others; about 50 microseconds.
    private static let spinsBeforeYield = 2_000

    /// Starts `threadCount - 1` workers.
    /// - Parameter threadCount: clamped to 1...1024.
    public init(threadCount: Int) {
        self.threadCount = min(max(threadCount, 1), 1024)
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
                break
            }
            threads.append(thread)
        }
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
        active.store(true, ordering: .releasing)
        gate.wakeAll()
        defer { active.store(false, ordering: .releasing) }
        return try work()
    }

    /// Calls `body` once with each of `0..<tiles`, on all threads, and returns when all calls have returned.
    /// Tiles must be independent. The caller must be inside `withActiveWorkers` for other threads to help.
    /// - Parameter body: takes the tile and the thread it runs on, `0..<threadCount`: for per-thread scratch memory.
    public func forEach(_ tiles: Int, _ body: (_ tile: Int, _ thread: Int) -> Void) {
        if tiles <= 1 || threads.isEmpty {
            for tile in 0..<max(tiles, 0) { body(tile, 0) }
            return
        }
        withoutActuallyEscaping(body) { body in
            self.body = body
            tileCount = tiles
            nextTile.store(0, ordering: .relaxed)
            let loop = (state.load(ordering: .relaxed) >> 32) &+ 1
            state.store((loop << 32) | Self.open, ordering: .releasing)

            runTiles(0, body)

            state.bitwiseAnd(~Self.open, ordering: .acquiringAndReleasing)
            var spins = 0
            while state.load(ordering: .acquiring) & Self.countMask != 0 { Self.pause(&spins) }
            self.body = nil
        }
    }

    private func runTiles(_ thread: Int, _ body: (Int, Int) -> Void) {
        while true {
            let tile = nextTile.add(1, ordering: .relaxed).oldValue
            guard tile < tileCount else { return }
            body(tile, thread)
        }
    }

    /// A worker's life: join each open loop once, spin while the engine is active, block when it is not.
    fileprivate func work(_ thread: Int) {
        var lastLoop: UInt64 = 0
        var spins = 0
        while !stopping.load(ordering: .acquiring) {
            let seen = state.load(ordering: .acquiring)
            let loop = seen >> 32
            if seen & Self.open != 0, loop != lastLoop {
                let joined = state.compareExchange(
                    expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing
                ).exchanged
                guard joined else { continue }
                if let body { runTiles(thread, body) }
                state.subtract(1, ordering: .acquiringAndReleasing)
                lastLoop = loop
                spins = 0
            } else if active.load(ordering: .acquiring) {
                Self.pause(&spins)
            } else {
                gate.wait { active.load(ordering: .acquiring) || stopping.load(ordering: .acquiring) }
                spins = 0
            }
        }
    }

    private static func pause(_ spins: inout Int) {
        spins += 1
        if spins < spinsBeforeYield { ck_pause() } else { sched_yield() }
    }
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
