import Foundation
import Testing
@testable import IntentCLI

struct CSVParserTests {
    private struct Case: Decodable {
        var bytes: Data
        var rows: [[String]]?
        var error: Bool?
    }

    private func rows(_ bytes: [UInt8], pieces size: Int = .max, limit: Int = 1000) -> [CSVParser.Row] {
        var parser = CSVParser(limit: limit)
        var rows: [CSVParser.Row] = []
        let size = min(size, max(bytes.count, 1))
        for start in stride(from: 0, to: bytes.count, by: size) {
            parser.consume(bytes[start..<min(start + size, bytes.count)]) { rows.append($0) }
        }
        parser.finish { rows.append($0) }
        return rows
    }

    private func rows(_ text: String, limit: Int = 1000) -> [CSVParser.Row] { rows(Array(text.utf8), limit: limit) }

    /// Python's csv module reads the same rows and refuses the same files; so do all ways to cut the bytes.
    @Test func readsWhatPythonReads() throws {
        let cases = try Fixtures.decode([Case].self, "records/csv.json")
        #expect(cases.count > 400)
        for (index, item) in cases.enumerated() {
            let found = rows(Array(item.bytes))
            if let expected = item.rows {
                #expect(found.map { try? $0.fields.get() } == expected, "case \(index)")
            } else {
                #expect(found.contains { (try? $0.fields.get()) == nil }, "case \(index)")
            }
            for pieces in [1, 3] { #expect(rows(Array(item.bytes), pieces: pieces) == found, "case \(index)") }
        }
    }

    @Test func numbersRowsByTheLineTheyStartOn() {
        let text = "a,b\r\n\r\n\"x\ny\",1\n\n2,3\r4,5"
        #expect(rows(text).map(\.line) == [1, 3, 6, 7])
    }

    @Test func reportsTextBehindAClosingQuoteAndGoesOn() {
        let found = rows("\"a\"b,c\nd,e\n")
        #expect(found.count == 2)
        #expect(throws: RecordError("text follows a closing quote; double a quote that belongs to the field")) {
            try found[0].fields.get()
        }
        #expect(found[1] == CSVParser.Row(line: 2, fields: .success(["d", "e"])))
    }

    @Test func reportsAQuoteThatIsNeverClosed() {
        let found = rows("a,b\n\"open,c\nd,e\n")
        #expect(found.count == 2)
        #expect(throws: RecordError("a quoted field is not closed")) { try found[1].fields.get() }
    }

    @Test func aQuoteThatIsNeverClosedCostsNoMoreThanTheLimit() {
        let lost = (0..<40).map { "row\($0),x\n" }.joined()
        let found = rows("\"open,c\n" + lost + "kept,y\n", limit: 100)
        #expect(found[0].line == 1)
        #expect(throws: RecordError("the row is over 100 bytes; perhaps a quote is not closed")) {
            try found[0].fields.get()
        }
        #expect(found.count > 20)
        #expect(found.last?.fields == .success(["kept", "y"]))
    }

    @Test func reportsInvalidUTF8() {
        let found = rows([0x61, 0x2c, 0xff, 0x0a, 0x62, 0x2c, 0x63, 0x0a])
        #expect(throws: RecordError("the row is not valid UTF-8")) { try found[0].fields.get() }
        #expect(found[1].fields == .success(["b", "c"]))
    }

    @Test func commasAloneCountAgainstTheLimit() {
        let found = rows(String(repeating: ",", count: 101) + "\n1,2\n", limit: 100)
        #expect(throws: RecordError.self) { try found[0].fields.get() }
        #expect(found[1].fields == .success(["1", "2"]))
    }
}
