import FileAccess
import TestSupport
import Testing

@testable import Checkpoint

@Suite struct JSONTests {
    private static func parse(_ text: String) throws(JSONError) -> JSONValue {
        try JSONValue(parsing: Array(text.utf8))
    }

    @Test func readsEveryKindOfValue() throws {
        let text = #" {"a":[1,-2.5,1e3,true,false,null],"b":"x\n\u00e9\ud83d\ude00","c":NaN,"d":-Infinity,"e":{}} "#
        let object = try #require(try Self.parse(text).object)
        #expect(object["a"] == .array([.integer(1), .number(-2.5), .number(1000), .bool(true), .bool(false), .null]))
        #expect(object["b"]?.string == "x\n\u{e9}\u{1F600}")
        #expect(object["c"]?.double?.isNaN == true)
        #expect(object["d"]?.double == -.infinity)
        #expect(object.members.map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(JSONValue.number(8).integer == 8 && JSONValue.number(8.5).integer == nil)
    }

    @Test(arguments: [
        ("", JSONError.unexpectedEnd(offset: 0)), ("[1,", .unexpectedEnd(offset: 3)),
        ("\"a", .unexpectedEnd(offset: 2)),
        ("{\"a\"", .unexpectedEnd(offset: 4)), ("\"\\u12", .unexpectedEnd(offset: 5)),
        ("x", .unexpectedByte(offset: 0)), ("[1 2]", .unexpectedByte(offset: 3)), ("{1:2}", .unexpectedByte(offset: 1)),
        ("[1,]", .unexpectedByte(offset: 3)), ("nul", .unexpectedEnd(offset: 3)), ("trup", .unexpectedByte(offset: 0)),
        ("01", .invalidNumber(offset: 0)), ("1.", .invalidNumber(offset: 0)), ("1e", .invalidNumber(offset: 0)),
        ("-", .unexpectedEnd(offset: 1)), ("-x", .invalidNumber(offset: 0)),
        ("\"\u{1}\"", .invalidString(offset: 1)), ("\"\\x\"", .invalidString(offset: 2)),
        ("\"\\ud800\"", .invalidString(offset: 3)), ("\"\\udc00\"", .invalidString(offset: 3)),
        ("\"\\ud800\\u0041\"", .invalidString(offset: 3)), ("\"\\u00g0\"", .invalidString(offset: 5)),
        ("{\"a\":1,\"a\":2}", .duplicateName("a", depth: 1, offset: 7)),
        ("[{\"a\":1,\"a\":2}]", .duplicateName("a", depth: 2, offset: 8)), ("1 1", .trailingBytes(offset: 2)),
    ]) func refusesWithTheOffset(_ text: String, _ expected: JSONError) {
        #expect(throws: expected) { try Self.parse(text) }
    }

    @Test func refusesMalformedUTF8AndDeepNesting() {
        #expect(throws: JSONError.invalidString(offset: 0)) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        let deep = String(repeating: "[", count: JSONParser.depthLimit + 1)
        #expect(throws: JSONError.tooDeep(offset: JSONParser.depthLimit)) { try Self.parse(deep) }
        let fits = String(repeating: "[", count: JSONParser.depthLimit)
            + String(repeating: "]", count: JSONParser.depthLimit)
        #expect(throws: Never.self) { try Self.parse(fits) }
    }

    @Test func refusesMoreValuesThanAnyModelHas() {
        let zeros = Array("[0".utf8) + Array(repeatElement(Array(",0".utf8), count: JSONParser.valueLimit).joined())
        let error = JSONError.tooManyValues(offset: 2 * JSONParser.valueLimit - 1)
        #expect(throws: error) { try JSONValue(parsing: zeros) }
    }

    /// Expected texts are what Python 3.11's json.dumps and repr give.
    @Test func writesAsPythonDoes() throws {
        let document = try Self.parse(#"{"b":[1,{"x":null}],"a":"\"\\\u0001\té😀","c":[],"d":{}}"#)
        let python = #"{"b": [1, {"x": null}], "a": "\"\\\u0001\t\u00e9\ud83d\ude00", "c": [], "d": {}}"#
        #expect(document.text(.python) == python)
        let compact = #"{"b":[1,{"x":null}],"a":"\"\\\u0001\t\u00e9\ud83d\ude00","c":[],"d":{}}"#
        #expect(document.text(.compact) == compact)
        #expect(
            document.text(.indented) == """
                {
                  "a": "\\"\\\\\\u0001\\t\\u00e9\\ud83d\\ude00",
                  "b": [
                    1,
                    {
                      "x": null
                    }
                  ],
                  "c": [],
                  "d": {}
                }
                """)
    }

    @Test(arguments: [
        (0.0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (1_000_000, "1000000.0"), (0.1, "0.1"), (-2.5, "-2.5"),
        (1e-4, "0.0001"), (1e-5, "1e-05"), (1.5e-7, "1.5e-07"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
        (1.25e22, "1.25e+22"), (123456789012345680, "1.2345678901234568e+17"),
        (0.05053520202636719, "0.05053520202636719"),
        (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (.nan, "NaN"), (-.infinity, "-Infinity"),
        (9007199254740992, "9007199254740992.0"), (0.00012345, "0.00012345"),
    ]) func writesNumbersAsPythonDoes(_ value: Double, _ text: String) {
        #expect(JSONValue.pythonText(value) == text)
    }

    @Test func membersCanBeReplacedAddedAndRemoved() throws {
        var object = try #require(try Self.parse(#"{"a":1,"b":2,"c":3}"#).object)
        object["b"] = nil
        object["c"] = .integer(4)
        object["d"] = .integer(5)
        object["x"] = nil
        #expect(JSONValue.object(object).text(.compact) == #"{"a":1,"c":4,"d":5}"#)
        #expect(object["c"] == .integer(4) && object["b"] == nil)
    }

    @Test func filesOverTheLimitAreRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("x.json", Array("[1,2,3]".utf8))
        #expect(throws: JSONFileError.file(.overLimit(path: path, bytes: 7, limit: 6))) {
            try JSONFile.read(path, limit: 6)
        }
        #expect(throws: JSONFileError.file(.notFound(path: path + "x"))) { try JSONFile.read(path + "x") }
        try folder.write("y.json", Array("[".utf8))
        #expect(throws: JSONFileError.json(path: folder.path + "/y.json", .unexpectedEnd(offset: 1))) {
            try JSONFile.read(folder.path + "/y.json")
        }
    }
}
