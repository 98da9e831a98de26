import Glibc
import SentencePieceOracle
import Testing

@testable import SentencePiece

/// Long texts take bounded time, whatever they hold.
@Suite(.serialized) struct LongTextTests {
    private static func word(_ bytes: Int) -> [UInt8] {
        var generator = SplitMix64(state: 3)
        let letters = Array("etaoinshrdlu".utf8)
        return (0..<bytes).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
    }

    private static func same(_ bytes: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: bytes) }

    private static func spaces(_ bytes: Int) -> [UInt8] { [UInt8](repeating: 0x20, count: bytes) }

    private static func newlines(_ bytes: Int) -> [UInt8] { [UInt8](repeating: 0x0a, count: bytes) }

    /// A megabyte takes at most 24 times the processor time of an eighth of it, after warming up: 8 if linear, more
    /// where the larger one falls out of the caches, 64 if quadratic.
    @Test(arguments: ["bpe-identity-bytes", "bpe-unused", "bpe-phrases", "unigram-nmt-nfkc", "word-identity", "char-rules"])
    func megabyteWithoutASpace(_ name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        for make in [Self.word, Self.same, Self.spaces, Self.newlines] {
            _ = tokenizer.encode(bytes: make(1 << 14))
            let short = (0..<3).map { _ in Self.time(tokenizer, make(1 << 17)) }.min() ?? 0
            let long = (0..<2).map { _ in Self.time(tokenizer, make(1 << 20)) }.min() ?? 0
            #expect(long < 10)
            #expect(long < max(short * 24, 0.05), "\(name): \(short) s and \(long) s")
        }
    }

    /// Seconds of this thread's processor time, which other processes do not lengthen.
    private static func time(_ tokenizer: SentencePieceTokenizer, _ text: [UInt8]) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        let start = now()
        _ = tokenizer.encode(bytes: text)
        return now() - start
    }

    @Test func manyThreadsGiveTheSameIDs() async throws {
        let tokenizer = try Fixtures.tokenizer("bpe-identity-bytes")
        let texts = Array(try Fixtures.cases("bpe-identity-bytes"))
        let different = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { texts.count { tokenizer.encode(bytes: $0.text) != $0.tokens.map(\.id) } }
            }
            return await group.reduce(0, +)
        }
        #expect(different == 0)
    }
}
