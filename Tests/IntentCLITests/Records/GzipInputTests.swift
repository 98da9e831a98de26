import Testing
@testable import IntentCLI

struct GzipInputTests {
    private func texts(_ name: String, pieces: Int) throws -> [String?] {
        let bytes = Array(try Fixtures.data("records/" + name))
        return try records(bytes, format: .text, pieces: pieces).map { try? $0.text.get() }
    }

    @Test(arguments: [1, 7, 1 << 16])
    func inflatesWhatPythonWrote(pieces: Int) throws {
        #expect(try texts("one-member.gz", pieces: pieces) == ["one", "two"])
        #expect(try texts("members.gz", pieces: pieces) == ["one", "two", "drei é", "vier"])
        #expect(try texts("padded.gz", pieces: pieces) == ["one", "two"])
        #expect(try texts("empty.gz", pieces: pieces) == [])
        #expect(try texts("long-line.gz", pieces: pieces) == ["short", nil, "last"])
    }

    @Test(arguments: ["truncated.gz", "header-only.gz"], [1, 1 << 16])
    func aStreamThatEndsEarlyIsAnError(name: String, pieces: Int) {
        #expect(throws: InputError.truncatedGzip) { try texts(name, pieces: pieces) }
    }

    @Test(arguments: ["wrong-checksum.gz", "damaged.gz", "garbage-behind.gz"], [1, 1 << 16])
    func aDamagedStreamIsAnError(name: String, pieces: Int) {
        #expect(throws: InputError.damagedGzip) { try texts(name, pieces: pieces) }
    }

    @Test func textThatOnlyStartsLikeGzipIsText() throws {
        #expect(try records([0x1f], format: .text) == [.message(1, "\u{1f}")])
        #expect(try records([0x1f, 0x61, 0x0a], format: .text, pieces: 1) == [.message(1, "\u{1f}a")])
    }

    @Test func aReadErrorIsReported() {
        var reader = RecordReader(source: ByteSource(descriptor: -1), format: .text, fields: .init(text: "t", id: "i"))
        #expect(throws: InputError.read(errno: 9)) { try reader.next() }
    }
}
