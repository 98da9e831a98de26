import Synchronization
import Testing

@testable import Engine

@Suite struct DecoderLanesTests {
    /// Whole messages on single threads: the bits of products shared by threads, for every message.
    @Test(arguments: [Precision.f32, .bf16, .int8, .nf4], [2, 5])
    func sameBitsAsSharedProducts(_ precision: Precision, _ threads: Int) throws {
        let fixture = try EngineFixture("gemma3-qlora")
        let messages = (0..<40).flatMap { shift in
            fixture.messages.map { Array($0.suffix(max(1, $0.count - shift % 7))) }
        }
        let runner = try DecoderRunner(fixture, precision: precision, threads: threads)
        let pool = ForkJoinPool(threadCount: threads)
        defer { pool.stop() }
        let lanes = try #require(DecoderLanes(like: runner.decoder, pool: pool))
        let hidden = fixture.plan.hiddenSize
        let found = Mutex([[UInt32]](repeating: [], count: messages.count))
        let pieces = BatchPieces(messages.map(\.count), threads: threads)
        for _ in 0..<3 {
            lanes.run(messages, pieces) { index, states, tokens in
                let bits = (0..<tokens * hidden).map { states[$0].bitPattern }
                found.withLock { $0[index] = bits }
            }
            let all = found.withLock { $0 }
            for (index, message) in messages.enumerated() {
                #expect(all[index] == runner.hiddenStates([message])[0].map(\.bitPattern), "message \(index)")
            }
        }
    }

    @Test func takesWhatIsWorthCutting() throws {
        let runner = try DecoderRunner(EngineFixture("gemma3-qlora"), precision: .int8)
        let pool = ForkJoinPool(threadCount: 2)
        defer { pool.stop() }
        let lanes = try #require(DecoderLanes(like: runner.decoder, pool: pool))
        #expect(lanes.pieces([Int](repeating: 14, count: 32)) != nil)
        #expect(lanes.pieces([14]) == nil)
        #expect(lanes.pieces([BatchPieces.mostTokens + 1] + [Int](repeating: 14, count: 32)) == nil)
    }

    /// One thread has nothing to share, and many have too little of one run each.
    @Test(arguments: [1, 64]) func notForEveryNumberOfThreads(_ threads: Int) throws {
        let runner = try DecoderRunner(EngineFixture("gemma3-qlora"), precision: .int8)
        let pool = ForkJoinPool(threadCount: threads)
        defer { pool.stop() }
        #expect(DecoderLanes(like: runner.decoder, pool: pool) == nil)
    }
}
