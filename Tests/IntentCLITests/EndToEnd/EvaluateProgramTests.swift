import Foundation
import Testing
@testable import IntentCLI

/// `intentd evaluate` and `model` against what transformers says of the same messages.
@Suite(.serialized) struct EvaluateProgramTests {
    private let model: TinyModel
    private let options: [String]

    init() throws {
        model = try TinyModel()
        options = ["--model", model.path, "--precision", "f32", "--threads", "1"]
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Equal but for the last bits, which Foundation's reader may miss.
    private func near(_ value: Any?, _ expected: Double) -> Bool {
        (value as? Double).map { abs($0 - expected) < 1e-12 } ?? false
    }

    /// Every third label is wrong, so that the accuracy is known.
    private func writeFile() throws -> (name: String, accuracy: Double) {
        var rows = "text,category\n"
        var right = 0
        for (index, message) in model.expected.messages.enumerated() {
            let intent = model.expected.intent(message)
            let label = index % 3 == 0 ? model.expected.labels.first { $0 != intent }! : intent
            right += label == intent ? 1 : 0
            rows += "\"\(message.text.replacingOccurrences(of: "\"", with: "\"\""))\",\(label)\n"
        }
        rows += "something else entirely,out_of_scope\n"
        try Data(rows.utf8).write(to: model.url("test.csv"))
        return (model.url("test.csv").path, Double(right) / Double(model.expected.messages.count))
    }

    @Test func measuresWhatTransformersPredicts() throws {
        let file = try writeFile()
        let report = model.url("report"), predictions = model.url("predictions.jsonl")
        let result = try IntentdProgram.run(
            ["evaluate", file.name, "--json", "--report", report.path, "--predictions", predictions.path,
                "--latency-samples", "20", "--compare", "int8", "bf16"] + options)
        #expect(result.status == 0, "\(result.errors)")
        let json = try object(result.output)
        #expect(near(json["accuracy"], file.accuracy))
        #expect(json["rows"] as? Int == model.expected.messages.count)
        #expect(json["differing_from_batch"] as? Int == 0)
        #expect((json["out_of_scope"] as? [String: Any])?["rows"] as? Int == 1)
        let precisions = try #require(json["precisions"] as? [[String: Any]])
        #expect(precisions.map { $0["precision"] as? String } == ["f32", "int8", "bf16"])
        #expect(precisions[0]["agreement"] as? Double == 1)

        let saved = try object(String(contentsOf: report.appending(path: "report.json"), encoding: .utf8))
        #expect(near(saved["accuracy"], file.accuracy))
        #expect(try String(contentsOf: report.appending(path: "report.html"), encoding: .utf8).contains("</html>"))

        let lines = try String(contentsOf: predictions, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == model.expected.messages.count + 1)
        for (line, message) in zip(lines, model.expected.messages) {
            let probabilities = try #require(try object(String(line))["probabilities"] as? [Double])
            for (found, expected) in zip(probabilities, message.probabilities) {
                #expect(abs(found - Double(expected)) < 1e-4)
            }
        }
    }

    @Test func recordsOnlyWhatCanBeSeen() throws {
        let file = try writeFile()
        let alone = try IntentdProgram.run(["evaluate", file.name, "--record"] + options)
        #expect(alone.status == 64 && alone.errors.contains("--record needs --compare"))
        let merged = try IntentdProgram.run(["evaluate", file.name, "--record", "--compare", "int8"] + options)
        #expect(merged.status == 64 && merged.errors.contains("this model has none"))
    }

    @Test func printsASummary() throws {
        let file = try writeFile()
        let result = try IntentdProgram.run(["evaluate", file.name, "--latency-samples", "0"] + options)
        #expect(result.status == 0)
        #expect(result.output.contains("accuracy            \(NumberFormat.percent(file.accuracy))"))
    }

    @Test func aFileThatDoesNotFitTheModelIsRefused() throws {
        try Data("text,category\nhello,greeting\n".utf8).write(to: model.url("bad.csv"))
        let result = try IntentdProgram.run(["evaluate", model.url("bad.csv").path] + options)
        #expect(result.status == 1)
        #expect(result.errors.contains("labels that the model does not know: greeting"))
        #expect(!result.errors.contains("hello"))
    }

    @Test func aReportThatCannotBeWrittenIsRefusedFirst() throws {
        let file = try writeFile()
        let result = try IntentdProgram.run(["evaluate", file.name, "--report", "/dev/null/report"] + options)
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors == "Error: /dev/null/report: the report cannot be written: Not a directory\n")
    }

    @Test func inspectShowsTheModel() throws {
        let json = try object(try IntentdProgram.run(["model", "inspect", "--json"] + options).output)
        #expect(json["architecture"] as? String == "llama")
        #expect(json["layers"] as? Int == 3)
        #expect(json["precision"] as? String == "f32")
        let memory = try #require(json["memory"] as? [[String: Any]])
        let precisions = try #require(json["precision_memory"] as? [[String: Any]])
        #expect(precisions.map { $0["precision"] as? String } == ["f32", "bf16", "int8"])
        #expect(precisions[0]["saved_percent"] as? Double == 0)
        #expect(memory.map { $0["name"] as? String } == [
            "attention", "feed-forward", "norms and biases", "rotary tables", "classification head",
            "embeddings (mapped file)",
        ])
        // 3 layers of q [64,64], k and v [32,64], o [64,64], and of three [192,64].
        #expect(memory[0]["f32_bytes"] as? Int == 3 * (64 * 64 * 2 + 32 * 64 * 2) * 4)
        #expect(memory[1]["f32_bytes"] as? Int == 3 * 3 * 192 * 64 * 4)
        #expect((json["files"] as? [[String: Any]])?.count == 3)
    }

    @Test func inspectComparesHashes() throws {
        let sums = try IntentdProgram.run(["model", "inspect", "--json"] + options)
        let files = try #require(try object(sums.output)["files"] as? [[String: Any]])
        let lines = files.map { file in
            "\(file["sha256"] ?? "")  \((file["path"] as? String)?.split(separator: "/").last ?? "")"
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: model.url("SHA256SUMS"))
        let good = try IntentdProgram.run(["model", "inspect"] + options)
        #expect(good.status == 0 && good.output.contains("as SHA256SUMS says"))
        try Data(lines.joined(separator: "\n").replacingOccurrences(of: "0", with: "1").utf8)
            .write(to: model.url("SHA256SUMS"))
        let bad = try IntentdProgram.run(["model", "inspect"] + options)
        #expect(bad.status == 1 && bad.output.contains("DIFFERS FROM SHA256SUMS"))
    }

    @Test(arguments: ["f32", "reference"]) func hiddenStatesEqualTransformers(precision: String) throws {
        let messages = model.expected.messages.filter { !$0.text.contains("\n") }
        let result = try IntentdProgram.run(
            ["model", "hidden", "--model", model.path, "--precision", precision],
            input: messages.map(\.text).joined(separator: "\n"))
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.count == messages.count)
        for (line, message) in zip(result.lines, messages) {
            let json = try object(line)
            #expect((json["ids"] as? [Int]).map { Array($0.dropFirst()) } == message.ids)
            let last = try #require((json["hidden"] as? [[Double]])?.last)
            let largest = zip(last, message.lastHidden).map { abs($0 - Double($1)) }.max()
            #expect(try #require(largest) < 1e-3)
        }
    }
}
