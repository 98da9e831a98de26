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
        for number in [0, 1, 0.1, 1e-7, 3.4e38, 1.17549435e-38, Float.leastNonzeroMagnitude, -2.5] as [Float] {
            var json = JSONWriter()
            json.value(number)
            #expect(try JSONValue(parsing: Array(json.buffer.readableBytesView)).double.map(Float.init) == number)
        }
        var json = JSONWriter()
        json.array(of: [Float.nan, .infinity, -.infinity]) { $0.value($1) }
        #expect(String(buffer: json.buffer) == "[null,null,null]")
    }
}
