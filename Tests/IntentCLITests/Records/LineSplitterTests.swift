import Testing
@testable import IntentCLI

struct LineSplitterTests {
    /// Every line of `bytes`, handed over in pieces of `size`.
    private func lines(_ bytes: [UInt8], pieces size: Int, limit: Int = 8) -> [LineSplitter.Line] {
        var splitter = LineSplitter(limit: limit)
        var result: [LineSplitter.Line] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            splitter.append(bytes[start..<min(start + size, bytes.count)])
            while let line = splitter.next() { result.append(line) }
        }
        if let last = splitter.last() { result.append(last) }
        return result
    }

    private func text(_ text: String) -> LineSplitter.Line { .bytes(Array(text.utf8)) }

    @Test(arguments: [1, 2, 3, 5, 100])
    func cutsAtLineFeedsAndCarriageReturns(pieces: Int) {
        let input = Array("a\nbc\r\n\n\r\nlast".utf8)
        #expect(lines(input, pieces: pieces) == [text("a"), text("bc"), text(""), text(""), text("last")])
    }

    @Test func keepsCarriageReturnsInsideLines() {
        #expect(lines(Array("a\rb\n\r\r\n".utf8), pieces: 100) == [text("a\rb"), text("\r")])
    }

    @Test func aLineFeedAtTheEndStartsNoLine() {
        #expect(lines(Array("a\n".utf8), pieces: 1) == [text("a")])
        #expect(lines([], pieces: 1).isEmpty)
    }

    @Test(arguments: [1, 2, 7, 100])
    func reportsLongLinesOnceAndGoesOn(pieces: Int) {
        let input = Array("12345678\n123456789\n123456789012345678901234567890\nok\n1234567890".utf8)
        #expect(
            lines(input, pieces: pieces) == [
                text("12345678"), .tooLong(limit: 8), .tooLong(limit: 8), text("ok"), .tooLong(limit: 8),
            ])
    }

    @Test func aLineOfTheLimitMayEndWithACarriageReturn() {
        for pieces in [1, 9, 100] {
            #expect(lines(Array("12345678\r\nx\n".utf8), pieces: pieces) == [text("12345678"), text("x")])
        }
    }

    @Test func holdsNoMoreThanTheLimitOfALongLine() {
        var splitter = LineSplitter(limit: 10)
        for _ in 0..<1000 {
            splitter.append([UInt8](repeating: 0x61, count: 100))
            let line = splitter.next()
            #expect(line == nil)
            // Nothing of a line that is too long is kept.
            let rest = splitter.takeRest()
            #expect(rest.isEmpty)
        }
    }
}
