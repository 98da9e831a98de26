/// Decoders of the same weights, one a thread, that run whole messages: threads meet once a batch and not at every step
/// of every layer.
///
/// A product shared by all threads waits for the slowest of them, so a core that another process uses half of the time
/// costs half of all of them. Lanes take pieces of the batch as they are ready for them. Every message's result is the
/// same bits either way.
///
/// Owned by one thread, as the pool is.
final class DecoderLanes {
    private let decoders: [Decoder]
    private let pool: ForkJoinPool

    /// Threads from which on one run has too few tokens for all of them.
    private static let mostThreads = IntentEngine.microBatchTokens / BatchPieces.evenShare

    /// Bytes of working memory.
    var byteCount: Int { decoders.reduce(0) { $0 + $1.workspace.byteCount } }

    /// Nil where they would not be used: one thread, or more than a run has work for.
    /// - Parameter decoder: what one lane's decoder is made like; shares its weights.
    init?(like decoder: Decoder, pool: ForkJoinPool) {
        guard pool.threadCount > 1, pool.threadCount <= Self.mostThreads else { return nil }
        self.pool = pool
        decoders = (0..<pool.threadCount).map { thread in
            Decoder(
                sharing: decoder, pool: ForkJoinPool(inside: pool, thread: thread), rows: BatchPieces.mostTokens,
                mostEmbeddedRows: Decoder.mostEmbeddedRows / pool.threadCount)
        }
    }

    /// Messages of these lengths cut up for the lanes, if they are a lane's work: short enough, and enough of them.
    func pieces(_ lengths: [Int]) -> BatchPieces? {
        guard lengths.allSatisfy({ $0 <= BatchPieces.mostTokens }) else { return nil }
        let pieces = BatchPieces(lengths, threads: decoders.count)
        return pieces.isWorthwhile ? pieces : nil
    }

    /// Runs `messages` and calls `body`, on the thread that ran it, with each message's index, its row 0 of hidden
    /// states after the final norm, and its tokens.
    /// - Parameter cut: the messages' pieces.
    func run(
        _ messages: [[Int32]], _ cut: BatchPieces,
        _ body: (_ index: Int, _ states: UnsafePointer<Float>, _ tokens: Int) -> Void
    ) {
        let pieces = cut.pieces
        pool.withActiveWorkers {
            pool.forEach(pieces.count) { piece, thread in
                let decoder = decoders[thread]
                var batch = PackedBatch()
                for index in pieces[piece] { batch.append(messages[index]) }
                decoder.run(batch)
                for (position, index) in pieces[piece].enumerated() {
                    let span = batch.span(position)
                    let states = decoder.workspace.residual.pointer + span.lowerBound * decoder.plan.hiddenSize
                    body(index, states, span.count)
                }
            }
        }
    }
}
