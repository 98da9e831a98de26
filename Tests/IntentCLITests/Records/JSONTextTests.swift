import Foundation
import Testing
@testable import IntentCLI

struct JSONTextTests {
    @Test func foundationReadsBackWhatWasQuoted() throws {
        var text = "plain \"quoted\" back\\slash / é 東京 🙂 \u{2028}\u{2029}\u{7f}\u{feff}"
        for code in UInt8(0)..<0x20 { text.unicodeScalars.append(Unicode.Scalar(code)) }
        let quoted = JSONText.quoted(text)
        #expect(try JSONDecoder().decode(String.self, from: Data(quoted.utf8)) == text)
        #expect(!quoted.utf8.contains { $0 < 0x20 }, "one record is one line")
    }
}
