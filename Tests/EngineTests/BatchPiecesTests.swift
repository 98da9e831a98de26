import Testing

@testable import Engine

@Suite struct BatchPiecesTests {
    private static let batches: [[Int]] = [
        [1], [128], [14, 14], [128, 128, 128], [Int](repeating: 14, count: 32), [Int](repeating: 1, count: 500),
        (1...128).map { $0 }, (0..<300).map { 3 + $0 * 37 % 60 },
    ]

    @Test(arguments: batches, [1, 2, 3, 5, 16])
    func everyMessageIsInOnePiece(_ lengths: [Int], _ threads: Int) {
        let pieces = BatchPieces(lengths, threads: threads).pieces
        #expect(pieces.flatMap { $0 }.sorted() == Array(lengths.indices))
        for piece in pieces {
            #expect(!piece.isEmpty)
            #expect(piece.reduce(0) { $0 + lengths[$1] } <= BatchPieces.mostTokens)
        }
    }

    /// Threads of equal speed that take pieces in order end within a long message of one another.
    @Test(arguments: [2, 3, 5])
    func equalThreadsEndTogether(_ threads: Int) {
        let lengths = (0..<64).map { 8 + $0 * 7 % 23 }
        let pieces = BatchPieces(lengths, threads: threads)
        #expect(pieces.longestShare * threads - lengths.reduce(0, +) <= 30 * (threads - 1))
    }

    /// The pieces that are taken last are small, so that a slow thread holds the others up little.
    @Test func lastPiecesAreSmall() throws {
        let lengths = [Int](repeating: 14, count: 64)
        let sizes = BatchPieces(lengths, threads: 2).pieces.map { $0.count * 14 }
        #expect(try #require(sizes.first) > 2 * BatchPieces.leastTokens)
        #expect(try #require(sizes.last) <= BatchPieces.leastTokens + 14)
    }

    @Test func smallBatchesAreNotCut() {
        #expect(!BatchPieces([14], threads: 2).isWorthwhile)
        #expect(!BatchPieces([14, 14], threads: 2).isWorthwhile)
        #expect(BatchPieces([Int](repeating: 14, count: 32), threads: 2).isWorthwhile)
        #expect(!BatchPieces([Int](repeating: 14, count: 32), threads: 1).isWorthwhile)
    }

    /// A few messages are cut up only where no thread waits long for another.
    @Test func unevenBatchesAreNotCut() {
        #expect(BatchPieces([14, 15, 13, 14], threads: 2).isWorthwhile)
        #expect(!BatchPieces([14, 15, 40], threads: 2).isWorthwhile)
        #expect(!BatchPieces([20, 20, 20], threads: 2).isWorthwhile)
        #expect(BatchPieces([14, 15, 40], threads: 2).longestShare == 40)
    }
}
