import Foundation
import TestSupport
import Testing
@testable import IntentCLI

struct LabelledMessagesTests {
    private func read(_ text: String, format: RecordFormat = .auto) throws -> [LabelledMessages.Row] {
        let folder = try TemporaryFolder()
        let path = try folder.write("rows.csv", text)
        do {
            return try LabelledMessages(
                path: path, format: format, textField: "text", labelField: "category", labels: ["a", "b"],
                outOfScope: "oos"
            ).rows
        } catch let error {
            throw Message(description: error.description.replacingOccurrences(of: path, with: "FILE"))
        }
    }

    private struct Message: Error, Equatable { var description: String }

    @Test func readsRowsWithTheirLabels() throws {
        let rows = try read("text,category\none,a\n\"two,\nlines\",b\nthree,oos\n")
        #expect(rows.map(\.text) == ["one", "two,\nlines", "three"])
        #expect(rows.map(\.truth) == [0, 1, nil])
        #expect(rows.map(\.line) == [2, 3, 5])
        #expect(try read("{\"text\":\"one\",\"category\":\"b\"}\n").map(\.truth) == [1])
    }

    @Test(arguments: [
        ("text,category\none,a\n,a\n", "FILE, line 3: the message is empty"),
        ("text,category\none,a,x\n", "FILE, line 2: the row has 3 fields, the header 2"),
        ("one\ntwo\n", "FILE has no labels: it must be CSV or JSON Lines with a message and a 'category' in each row"),
        ("text,label\none,a\n", "FILE: the CSV header has no column named 'category'"),
        ("text,category\n", "FILE has no labelled rows"), ("", "FILE has no labelled rows"),
        ("text,category\none,oos\n", "FILE has no labelled rows"),
        (
            "text,category\none,c\ntwo,c\nthree,d\nfour,a\n",
            "FILE: 3 rows have labels that the model does not know: c, d; mark messages that the model should abstain "
                + "on with --out-of-scope-label"
        ),
    ])
    func refusesFilesThatAreNotWhole(text: String, reason: String) {
        #expect(throws: Message(description: reason)) { try read(text) }
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: EvaluationError.cannotOpen(path: "/nowhere.csv", errno: ENOENT)) {
            try LabelledMessages(
                path: "/nowhere.csv", format: .auto, textField: "t", labelField: "c", labels: [], outOfScope: "")
        }
    }
}
