import Batching
import Dispatch
import Glibc
import Testing
@testable import IntentCLI

struct RecordReaderTests {
    // MARK: Formats

    @Test func detectsTextLines() throws {
        #expect(try records("hello\nmy card, please\n") == [.message(1, "hello"), .message(2, "my card, please")])
    }

    @Test func detectsJSONLines() throws {
        let input = "{\"text\":\"hello\",\"id\":\"a\"}\n{\"id\":7,\"text\":\"two\"}\n"
        #expect(try records(input) == [.message(1, "hello", id: "\"a\""), .message(2, "two", id: "7")])
    }

    @Test(arguments: [1, 5, 1 << 16])
    func detectsCSV(pieces: Int) throws {
        let input = "id,text\na1,\"hello, \"\"you\"\"\"\na2,\"two\nlines\"\na3,x\n"
        #expect(
            try records(input, pieces: pieces) == [
                .message(2, "hello, \"you\"", id: "\"a1\""), .message(3, "two\nlines", id: "\"a2\""),
                .message(5, "x", id: "\"a3\""),
            ])
    }

    @Test func aHeaderWithoutTheTextColumnIsTextUnlessCSVIsAskedFor() throws {
        #expect(try records("id,message\n1,hi\n").count == 2)
        #expect(throws: RecordError("the CSV header has no column named 'text'; name it with --text-field")) {
            try records("id,message\n1,hi\n", format: .csv)
        }
        #expect(try records("id,message\n1,hi\n", fields: .init(text: "message", id: "id")) == [
            .message(2, "hi", id: "\"1\"")
        ])
    }

    @Test func aQuotedHeaderMayHoldALineBreak() throws {
        let found = try records("\"odd\nname\",text\n1,hi\n", format: .csv)
        #expect(found == [.message(3, "hi")])
    }

    @Test(arguments: ["{\"text\":\"hi\"}\n", "text\nhi\n", "hi\n"])
    func aByteOrderMarkIsNoPartOfTheInput(text: String) throws {
        let found = try records([0xef, 0xbb, 0xbf] + Array(text.utf8))
        #expect(found.map(\.text) == [.success("hi")])
    }

    @Test func csvBeginsWithAByteOrderMarkAndAQuote() throws {
        let found = try records([0xef, 0xbb, 0xbf] + Array("\"text\",\"id\"\nhi,1\n".utf8), format: .csv)
        #expect(found == [.message(2, "hi", id: "\"1\"")])
    }

    @Test func emptyInputHasNoRecords() throws {
        #expect(try records("").isEmpty)
        #expect(try records("", format: .jsonl).isEmpty)
        #expect(throws: RecordError("the CSV has no header line")) { try records("", format: .csv) }
        #expect(throws: RecordError("the CSV has no header line")) { try records("\n\n", format: .csv) }
    }

    @Test func theHeadersFailureIsTheStreams() {
        #expect(throws: RecordError.self) { try records("\"text\n1\n2\n", format: .csv) }
        #expect(throws: RecordError.self) { try records("\"text\"x,id\n1,2\n", format: .csv) }
    }

    // MARK: Labels

    @Test func readsLabelsWhereTheyAreAskedFor() throws {
        let fields = RecordReader.Fields(text: "text", id: "", label: "category")
        #expect(try records("text,category\nhi,greeting\n", fields: fields) == [.message(2, "hi", label: "greeting")])
        #expect(try records("{\"text\":\"hi\",\"category\":\"c\"}\n{\"text\":\"hi\"}", fields: fields) == [
            .message(1, "hi", label: "c"), .bad(2, "the object has no field 'category'"),
        ])
        #expect(throws: RecordError("the CSV header has no column named 'category'")) {
            try records("text,x\nhi,greeting\n", fields: fields)
        }
    }

    // MARK: Bad records

    @Test func badLinesStandInTheirPlace() throws {
        let input: [UInt8] = Array("one\n\n   \n".utf8) + [0xff, 0xfe, 0x0a] + Array("five\n".utf8)
        #expect(
            try records(input) == [
                .message(1, "one"), .bad(2, "the line is empty"), .bad(3, "the line is empty"),
                .bad(4, "the line is not valid UTF-8"), .message(5, "five"),
            ])
    }

    @Test func badRowsStandInTheirPlace() throws {
        let input = "text,id\na,1,2\n\"x\"y,2\n ,3\nok,4\n"
        #expect(
            try records(input) == [
                .bad(2, "the row has 3 fields, the header 2"),
                .bad(3, "text follows a closing quote; double a quote that belongs to the field"),
                .bad(4, "the message is empty"), .message(5, "ok", id: "\"4\""),
            ])
    }

    @Test func longLinesStandInTheirPlace() throws {
        let long = String(repeating: "x", count: RecordReader.recordLimit + 1)
        #expect(try records("a\n\(long)\nb\n") == [
            .message(1, "a"), .bad(2, "the line is over \(RecordReader.recordLimit) bytes"), .message(3, "b"),
        ])
        let most = String(repeating: "x", count: RecordReader.recordLimit)
        #expect(try records("\(most)\r\nb\n") == [.message(1, most), .message(2, "b")])
    }

    // MARK: Waiting

    @Test func saysWhenItWouldWait() throws {
        let pipe = FeedPipe()
        var reader = RecordReader(
            source: ByteSource(descriptor: pipe.readEnd), format: .auto, fields: .init(text: "text", id: "id"))
        var waits: [Bool] = []
        var found: [InputRecord?] = []
        waits.append(try reader.wouldBlock())
        pipe.write("one\ntwo\nthr")
        waits.append(try reader.wouldBlock())
        found.append(try reader.next())
        // A whole line is here already, whatever the pipe holds.
        waits.append(try reader.wouldBlock())
        found.append(try reader.next())
        // Half a line is no record.
        waits.append(try reader.wouldBlock())
        pipe.closeWriting()
        waits.append(try reader.wouldBlock())
        found.append(try reader.next())
        found.append(try reader.next())
        #expect(waits == [true, false, false, true, false])
        #expect(found == [.message(1, "one"), .message(2, "two"), .message(3, "thr"), nil])
    }

    /// More of a record than is read at once, but not its end, is no reason to keep waiting with those before it.
    @Test(arguments: [RecordFormat.text, .jsonl, .csv])
    func halfARecordOfAnyLengthWouldWait(format: RecordFormat) throws {
        let pipe = FeedPipe(), fed = DispatchGroup()
        var reader = RecordReader(
            source: ByteSource(descriptor: pipe.readEnd), format: format, fields: .init(text: "text", id: "id"))
        DispatchQueue(label: "feed").async(group: fed) {
            pipe.write(format == .csv ? "text\none\n" : format == .jsonl ? #"{"text":"one"}"# + "\n" : "one\n")
            pipe.write(String(repeating: "x", count: 200_000))
        }
        var found = [try reader.next()]
        var waits: Set<Bool> = []
        var isFed = false
        repeat {
            isFed = fed.wait(timeout: .now()) == .success
            waits.insert(try reader.wouldBlock())
        } while !isFed
        #expect(waits == [true])
        pipe.write("\n")
        pipe.closeWriting()
        let waitsForAll = try reader.wouldBlock()
        #expect(!waitsForAll)
        while let record = try reader.next() { found.append(record) }
        #expect(found.count == 2 && found[0]?.text == .success("one"))
    }

    /// Part of a gzip stream that nothing can be unpacked from yet.
    @Test(.timeLimit(.minutes(1))) func halfAGzipMemberWouldWait() throws {
        let pipe = FeedPipe(), bytes = Array(try Fixtures.data("records/one-member.gz"))
        var reader = RecordReader(
            source: ByteSource(descriptor: pipe.readEnd), format: .text, fields: .init(text: "text", id: "id"))
        pipe.write(Array(bytes.prefix(12)))
        var waits = [try reader.wouldBlock()]
        pipe.write(Array(bytes.dropFirst(12)))
        waits.append(try reader.wouldBlock())
        pipe.closeWriting()
        var texts: [String?] = []
        while let record = try reader.next() { texts.append(try? record.text.get()) }
        #expect(waits == [true, false] && texts == ["one", "two"])
    }

    // MARK: Fuzzing

    /// Whatever comes, every way to cut it gives the same records or the same error, and no crash.
    @Test(arguments: [RecordFormat.auto, .text, .jsonl, .csv])
    func anyBytesReadTheSameHoweverTheyArrive(format: RecordFormat) {
        var generator = SeededGenerator(seed: 11)
        let words: [[UInt8]] = [
            "text", "id", "{", "}", "\"", ":", ",", "\n", "\r", "\r\n", "\\", "\\u00e9", "\\ud800", "é", "1e999",
            "null", "[", "]", "{\"text\":\"a\"}", "true", " ", "-0",
        ].map { Array($0.utf8) } + [[0xff], [0x00], [0xc3], [0xef, 0xbb, 0xbf], [0x1f, 0x8b], [0x1f]]
        for _ in 0..<400 {
            let bytes = (0..<Int.random(in: 0..<24, using: &generator)).flatMap { _ in
                words[Int.random(in: 0..<words.count, using: &generator)]
            }
            func outcome(_ pieces: Int) -> String {
                do { return "\(try records(bytes, format: format, pieces: pieces))" } catch { return "\(error)" }
            }
            let whole = outcome(1 << 16)
            #expect(outcome(1) == whole)
            #expect(outcome(3) == whole)
        }
    }
}
