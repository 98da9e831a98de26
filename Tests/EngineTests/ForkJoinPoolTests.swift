import Foundation
import Synchronization
import Testing

@testable import Engine

@Suite struct ForkJoinPoolTests {
    @Test(arguments: [1, 2, 3, 8, 64])
    func everyTileRunsOnce(_ threads: Int) {
        let pool = ForkJoinPool(threadCount: threads)
        defer { pool.stop() }
        for tiles in [0, 1, 2, 7, 63, 1000] {
            let counts = Counters(tiles)
            pool.withActiveWorkers {
                for _ in 0..<20 {
                    pool.forEach(tiles) { tile, thread in
                        precondition(thread >= 0 && thread < threads)
                        counts.add(tile)
                    }
                }
            }
            #expect(counts.all == [Int](repeating: 20, count: tiles))
        }
    }

    @Test func resultsAreVisibleAfterTheLoop() {
        let pool = ForkJoinPool(threadCount: 4)
        defer { pool.stop() }
        let values = AlignedBuffer<Int>(count: 10_000)
        pool.withActiveWorkers {
            for round in 1...50 {
                pool.forEach(100) { tile, _ in
                    for index in tile * 100..<(tile + 1) * 100 { values.pointer[index] += round }
                }
                #expect((0..<10_000).allSatisfy { values[$0] == round * (round + 1) / 2 })
            }
        }
    }

    @Test func worksOnTheCallingThreadOutsideActiveWorkers() {
        let pool = ForkJoinPool(threadCount: 4)
        defer { pool.stop() }
        let counts = Counters(10)
        pool.forEach(10) { tile, _ in counts.add(tile) }
        #expect(counts.all == [Int](repeating: 1, count: 10))
    }

    @Test func runsAfterStop() {
        let pool = ForkJoinPool(threadCount: 4)
        pool.stop()
        let counts = Counters(10)
        pool.withActiveWorkers { pool.forEach(10) { tile, _ in counts.add(tile) } }
        #expect(counts.all == [Int](repeating: 1, count: 10))
    }

    /// A pool that is not working uses no processor time.
    @Test func idleWorkersSleep() throws {
        let pool = ForkJoinPool(threadCount: 4)
        defer { pool.stop() }
        pool.withActiveWorkers { pool.forEach(100) { _, _ in } }
        Thread.sleep(forTimeInterval: 0.05)
        let before = processorSeconds()
        Thread.sleep(forTimeInterval: 0.5)
        // Three spinning workers would use 1 s or more on two cores.
        #expect(processorSeconds() - before < 0.25)
    }

    private func processorSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
}

/// Counts calls by tile from many threads.
private final class Counters: Sendable {
    private let values: Mutex<[Int]>

    init(_ count: Int) { values = Mutex([Int](repeating: 0, count: count)) }

    func add(_ index: Int) { values.withLock { $0[index] += 1 } }

    var all: [Int] { values.withLock { $0 } }
}
