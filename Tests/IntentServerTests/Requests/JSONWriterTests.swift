import Checkpoint
import NIOCore
import Testing

@testable import IntentServer

/// What is written is JSON that reads back as what was meant.
struct JSONWriterTests {
    @Test func nesting() {
        var json = JSONWriter()
        json.object { json in
            json.member("a", 1)
            json.name("b")
            json.array { json in
                json.value("x")
                json.null()
                json.object { _ in }
                json.array { _ in }
            }
            json.member("c", Float(0.5))
            json.member("d", false)
        }
        #expect(String(buffer: json.buffer) == #"{"a":1,"b":["x",null,{},[]],"c":0.5,"d":false}"#)
    }

    @Test(arguments: ["", "a\"b\\c", "\n\r\t\u{0}\u{1f}\u{7f}", "\u{2028}\u{2029}", "žluťoučký 🐎 \u{10ffff}", "\u{fffe}"])
    func strings(text: String) throws {
        var json = JSONWriter()
        json.value(text)
        #expect(try JSONValue(parsing: Array(json.buffer.readableBytesView)).string == text)
    }

    @Test func numbersReadBackExactly() throws {
        for number in [0, 1, 0.1, 1e-7, 3.4e38, .leastNormalMagnitude, Float.leastNonzeroMagnitude, -2.5] as [Float] {
            var json = JSONWriter()
            json.value(number)
            #expect(try JSONValue(parsing: Array(json.buffer.readableBytesView)).double.map(Float.init) == number)
        }
        var json = JSONWriter()
        json.array(of: [Float.nan, .infinity, -.infinity]) { $0.value($1) }
        #expect(String(buffer: json.buffer) == "[null,null,null]")
    }
}

struct TimestampTests {
    @Test(arguments: [
        (0, 0, "1970-01-01T00:00:00.000Z"), (951_782_399, 7, "2000-02-28T23:59:59.007Z"),
        (951_782_400, 999, "2000-02-29T00:00:00.999Z"), (1_795_770_300, 120, "2026-11-27T09:05:00.120Z"),
        (253_402_300_799, 1, "9999-12-31T23:59:59.001Z"),
    ])
    func isRFC3339(seconds: Int, milliseconds: Int, text: String) {
        #expect(Timestamp.text(seconds: seconds, milliseconds: milliseconds) == text)
    }
}
