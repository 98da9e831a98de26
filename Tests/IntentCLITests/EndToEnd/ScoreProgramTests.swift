import Dispatch
import Foundation
import Glibc
import TestSupport
import Testing
@testable import IntentCLI

/// `intentd score` and `tokenize` against transformers and sentencepiece, and how they and `serve` end.
@Suite(.serialized) struct ScoreProgramTests {
    private let model: TinyModel
    private let options: [String]

    init() throws {
        model = try TinyModel()
        options = ["--model", model.path, "--precision", "f32", "--threads", "1"]
    }

    private struct Answer: Decodable {
        var id: Int?
        var intent: String?
        var confidence: Float?
        var tokens: Int?
        var line: Int?
        var error: String?
    }

    private func answers(_ lines: [String]) throws -> [Answer] {
        try lines.map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
    }

    @Test func tokenizesAsSentencePieceDoes() throws {
        let input = model.expected.messages.map(\.text).joined(separator: "\n")
        let ids = try IntentdProgram.run(["tokenize", "--model", model.path], input: input)
        #expect(ids.status == 0)
        #expect(ids.lines == model.expected.messages.map { "[" + $0.ids.map(String.init).joined(separator: ",") + "]" })
        let pieces = try IntentdProgram.run(["tokenize", "--pieces"], input: input, environment: [
            "INTENTD_MODEL": model.path
        ])
        let found = try pieces.lines.map { try JSONDecoder().decode([String].self, from: Data($0.utf8)) }
        #expect(found == model.expected.messages.map(\.pieces))
        let file = try IntentdProgram.run(
            ["tokenize", "--bos", "--model", model.url("tokenizer.model").path], input: "a\n\n")
        #expect(file.lines.first?.hasPrefix("[1,") == true && file.lines.last == "[1]")
    }

    @Test func anEmptyVariableNamesNoModel() throws {
        let empty = try IntentdProgram.run(["tokenize"], input: "a\n", environment: ["INTENTD_MODEL": ""])
        let none = try IntentdProgram.run(["tokenize"], input: "a\n")
        #expect(empty.status == none.status && empty.output == none.output && empty.errors == none.errors)
    }

    /// What is opened next must not be taken for a standard stream that the caller closed.
    @Test(arguments: [("<&-", "cannot read the input"), (">&-", "cannot write the output")])
    func aClosedStreamIsAnError(redirection: String, reason: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "echo card | \"$0\" \"$@\" \(redirection)", IntentdProgram.path, "score"] + options
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        try errors.fileHandleForWriting.close()
        let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        #expect(text == "Error: \(reason): Bad file descriptor\n")
    }

    @Test(arguments: [[], ["--precision", "reference"]]) func scoresAsTransformersDoes(extra: [String]) throws {
        let input = try model.expected.messages.map { message in
            String(decoding: try JSONEncoder().encode(["text": message.text]), as: UTF8.self)
        }.joined(separator: "\n")
        let result = try IntentdProgram.run(["score"] + options + extra, input: input)
        #expect(result.status == 0, "\(result.errors)")
        let found = try answers(result.lines)
        #expect(found.count == model.expected.messages.count)
        for (index, (answer, message)) in zip(found, model.expected.messages).enumerated() {
            #expect(answer.id == index + 1)
            #expect(answer.tokens == message.ids.count + 1)
            #expect(answer.intent == model.expected.intent(message))
            // f32 sums in another order than torch's.
            #expect(abs(try #require(answer.confidence) - message.probabilities.max()!) < 1e-4)
        }
    }

    @Test func badLinesGiveStatus3AndNothingIsLost() throws {
        let result = try IntentdProgram.run(["score"] + options, input: "one\n\nthree\n")
        #expect(result.status == 3)
        let found = try answers(result.lines)
        #expect(found.map { $0.id ?? -($0.line ?? 0) } == [1, -2, 3])
        #expect(found.dropFirst().first?.error == "the line is empty")
    }

    @Test func damagedInputFailsBehindTheAnswers() throws {
        let result = try IntentdProgram.run(["score"] + options, input: try Fixtures.data("records/header-only.gz"))
        #expect(result.status == 1)
        #expect(result.errors.contains("the input's gzip stream ends early"))
    }

    @Test func gzipInputIsInflated() throws {
        let result = try IntentdProgram.run(["score"] + options, input: try Fixtures.data("records/members.gz"))
        #expect(result.status == 0)
        #expect(try answers(result.lines).map(\.id) == [1, 2, 3, 4])
    }

    @Test func aReaderThatGoesAwayGives141() throws {
        let feed = FeedPipe(String(repeating: "my card\n", count: 200_000))
        let process = IntentdProgram.process(["score"] + options)
        process.standardInput = FileHandle(fileDescriptor: feed.readEnd)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        try output.fileHandleForWriting.close()
        #expect(try output.fileHandleForReading.read(upToCount: 10)?.isEmpty == false)
        try output.fileHandleForReading.close()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 141)
        feed.drain()
    }

    @Test func aServerThatCannotListenSaysWhere() throws {
        let arguments = ["serve", "--host", "nowhere.invalid", "--port", "0", "--allow-unauthenticated"]
        let result = try IntentdProgram.run(arguments + options)
        #expect(result.status == 1)
        #expect(result.errors.hasSuffix("Error: cannot listen on nowhere.invalid:0: the host is not known\n"))
    }

    @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsWithWholeLines(signal: Int32) throws {
        let feed = FeedPipe()
        let process = IntentdProgram.process(["score"] + options)
        process.standardInput = FileHandle(fileDescriptor: feed.readEnd)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        try output.fileHandleForWriting.close()
        // The input stays open: only the signal can end this.
        feed.write("my card\nlost card\n")
        var bytes = Data()
        while bytes.count(where: { $0 == 0x0a }) < 2, let more = try output.fileHandleForReading.read(upToCount: 1) {
            bytes.append(more)
        }
        kill(process.processIdentifier, signal)
        bytes.append(try output.fileHandleForReading.readToEnd() ?? Data())
        process.waitUntilExit()
        feed.closeWriting()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 128 + signal)
        #expect(bytes.last == 0x0a)
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(try answers(lines).map(\.id) == [1, 2])
    }

    @Test func memoryIsBoundedOverManyLines() throws {
        func peak(lines: Int) throws -> Int {
            let feed = FeedPipe()
            let text = String(repeating: "my card has not arrived yet please help\n", count: lines)
            DispatchQueue(label: "feed").async { feed.write(text) }
            let process = IntentdProgram.process(["score"] + options)
            process.standardInput = FileHandle(fileDescriptor: feed.readEnd)
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            try output.fileHandleForWriting.close()
            var answers = 0
            while answers < lines {
                let bytes = output.fileHandleForReading.availableData
                if bytes.isEmpty { break }
                answers += bytes.count(where: { $0 == 0x0a })
            }
            // All is answered and the input is still open: the process cannot be gone yet.
            let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
            let field = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
            feed.closeWriting()
            process.waitUntilExit()
            #expect(answers == lines && process.terminationStatus == 0)
            return try #require(Int(field.filter(\.isNumber)))
        }
        let few = try peak(lines: 5_000), many = try peak(lines: 60_000)
        #expect(few > 0)
        // Twelve times the lines: the difference is what allocators keep, not the lines.
        #expect(many - few < 16_384, "\(few) KiB, then \(many) KiB")
    }
}
