import Testing
@testable import IntentCLI

struct JSONRecordTests {
    private func parse(_ line: String) -> InputRecord {
        JSONRecord.parse(Array(line.utf8), line: 9, fields: .init(text: "text", id: "id"))
    }

    private func reason(_ line: String) -> String? {
        if case .failure(let error) = parse(line).text { error.description } else { nil }
    }

    @Test(arguments: [
        ("\"a\\\"b\"", "\"a\\\"b\""), ("17", "17"), ("-3", "-3"), ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"), ("1.5", "1.5"), ("true", "true"), ("null", "9"),
        ("\"\\u00e9\"", "\"é\""),
    ])
    func keepsTheIdentifier(json: String, id: String) {
        #expect(parse("{\"text\":\"x\",\"id\":\(json)}") == .message(9, "x", id: id))
    }

    @Test func unescapesTheMessage() {
        #expect(parse("{\"text\":\"a\\n\\u00e9\\ud83d\\ude42\"}") == .message(9, "a\né🙂"))
    }

    @Test func ignoresOtherFields() {
        #expect(parse("{\"x\":{\"text\":1},\"text\":\"m\",\"y\":[null]}") == .message(9, "m"))
    }

    @Test func saysWhatIsWrong() {
        #expect(reason("{\"text\":\"x\"") == "the line is not valid JSON")
        #expect(reason("[1]") == "the line is not a JSON object")
        #expect(reason("\"text\"") == "the line is not a JSON object")
        #expect(reason("{\"txt\":\"x\"}") == "the object has no field 'text'")
        #expect(reason("{\"text\":7}") == "the field 'text' is not a string")
        #expect(reason("{\"text\":null}") == "the field 'text' is not a string")
        #expect(reason("{\"text\":\" \\n\"}") == "the message is empty")
        #expect(reason("{\"text\":\"x\",\"id\":[1]}") == "the field 'id' is not a string, a number or a boolean")
    }

    /// One that would come back with other digits names another message.
    @Test(arguments: ["18446744073709551616", "-9223372036854775809", "12345678901234567890123", "1e30"])
    func refusesAnIdentifierThatItCannotKeep(id: String) {
        #expect(
            reason("{\"text\":\"x\",\"id\":\(id)}")
                == "the field 'id' is a number of more than 64 bits, which is not kept exactly; send it as a string")
    }

    @Test func deepNestingIsAnErrorNotACrash() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(reason("{\"text\":\"x\",\"y\":\(deep)}") == "the line is not valid JSON")
    }
}
