import Glibc
import SentencePieceOracle
import Testing

@testable import SentencePiece

/// The first ids of a text are the same whether or not the rest is looked at, and cost no more than they must.
@Suite(.serialized) struct LimitedEncodingTests {
    private static let models = Fixtures.names + (Fixtures.hasGemma ? ["gemma"] : [])

    @Test(arguments: models) func aLimitChangesNoID(_ name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        var texts = try Fixtures.cases(name).map { String(decoding: $0.text, as: UTF8.self) }
        // Joined, they end in the midst of words, spaces and pieces that are matched first.
        texts.append(texts.prefix(40).joined(separator: " "))
        texts.append(texts.prefix(40).joined())
        var different = 0
        for text in texts {
            let all = tokenizer.encode(text)
            for limit in [-1, 0, 1, 2, 3, 7, 40, 129, all.count, all.count + 1, .max]
            where tokenizer.encode(text, limit: limit) != Array(all.prefix(max(limit, 0))) { different += 1 }
        }
        #expect(different == 0)
    }

    @Test(arguments: ["bpe-identity-bytes"] + (Fixtures.hasGemma ? ["gemma"] : []))
    func aMegabyteOfWordsCostsWhatIsRead(_ name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let text = String(repeating: "Where is the card that I ordered last week, please? ", count: 20_000)
        _ = tokenizer.encode(text, limit: 128)
        let all = (0..<3).map { _ in Self.time { tokenizer.encode(text) } }.min() ?? 0
        let first = (0..<3).map { _ in Self.time { tokenizer.encode(text, limit: 128) } }.min() ?? 0
        #expect(first < all / 3, "\(name): \(first) s of \(all) s")
    }

    /// Seconds of this thread's processor time, which other processes do not lengthen.
    private static func time(_ work: () -> [Int32]) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        let start = now()
        _ = work()
        return now() - start
    }
}
