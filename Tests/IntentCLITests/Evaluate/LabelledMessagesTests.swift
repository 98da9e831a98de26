import Foundation
import TestSupport
import Testing
@testable import IntentCLI

struct LabelledMessagesTests {
    private func read(
        _ text: String, format: RecordFormat = .auto, labels: [String] = ["a", "b"]
    ) throws -> [LabelledMessages.Row] {
        let folder = try TemporaryFolder()
        let path = try folder.write("rows.csv", text)
        do {
            return try LabelledMessages(
                path: path, format: format, textField: "text", labelField: "category", labels: labels,
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

    /// A column of messages in the place of labels: an error is no place for what customers wrote.
    @Test(arguments: [
        ("one,where is my card\ntwo,it was lost\n", "2 rows have labels that the model does not know, first in line 2"),
        ("one,c\ntwo,it was lost\n", "2 rows have labels that the model does not know: c, ..."),
        ("one,a\ntwo,\(String(repeating: "x", count: 65))\n",
            "1 rows have labels that the model does not know, first in line 3"),
    ])
    func showsNoLabelThatMayBeAMessage(rows: String, reason: String) {
        let remedy = "; mark messages that the model should abstain on with --out-of-scope-label"
        #expect(throws: Message(description: "FILE: \(reason)\(remedy)")) { try read("text,category\n" + rows) }
    }

    @Test func aModelWithTwoLabelsOfOneNameIsRefused() {
        #expect(throws: Message(description: "the model has two labels 'a', which rows cannot tell apart")) {
            try read("text,category\none,b\n", labels: ["a", "b", "a"])
        }
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: EvaluationError.cannotOpen(path: "/nowhere.csv", errno: ENOENT)) {
            try LabelledMessages(
                path: "/nowhere.csv", format: .auto, textField: "t", labelField: "c", labels: [], outOfScope: "")
        }
    }
}
