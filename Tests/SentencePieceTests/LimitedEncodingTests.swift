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

    /// Words without an end, which are split before all of them is read.
    @Test(arguments: models) func aLimitChangesNoIDInLongWords(_ name: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        var random = SplitMix64(state: 5)
        let letters = Array("abcdefghijklmnopqrstuvwxyz"), few = Array("ab"), signs = Array("ab1-한국어😀\u{2581}é")
        let random20k = { (from: [Character]) in String((0..<20_000).map { _ in from.randomElement(using: &random)! }) }
        let texts = [
            String(repeating: "a", count: 20_001), String(repeating: "abc", count: 9_000),
            String(repeating: "=", count: 20_000), String(repeating: "한", count: 9_000),
            random20k(letters), random20k(few), random20k(signs), "Where is it? " + random20k(letters),
        ]
        for (index, text) in texts.enumerated() {
            let all = tokenizer.encode(text)
            for limit in [1, 2, 40, 129, 513] {
                #expect(tokenizer.encode(text, limit: limit) == Array(all.prefix(limit)), "text \(index), \(limit)")
            }
        }
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

    @Test(arguments: ["bpe-identity-bytes"] + (Fixtures.hasGemma ? ["gemma"] : []), ["x", "ab", "abcdefghij"])
    func aMegabyteOfOneWordCostsWhatIsRead(_ name: String, _ part: String) throws {
        let tokenizer = try Fixtures.tokenizer(name)
        let text = String(repeating: part, count: 1_000_000 / part.utf8.count)
        _ = tokenizer.encode(text, limit: 513)
        let all = Self.time { tokenizer.encode(text) }
        let first = (0..<3).map { _ in Self.time { tokenizer.encode(text, limit: 513) } }.min() ?? 0
        // What is left is reading and normalising the megabyte.
        #expect(first < all / 2, "\(name): \(first) s of \(all) s")
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
