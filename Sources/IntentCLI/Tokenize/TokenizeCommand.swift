import ArgumentParser
import FoundationEssentials
import Glibc
import SentencePiece

/// `intentd tokenize`: lines of standard input to JSON arrays.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Show the tokens of each line of standard input.",
        discussion: """
            Writes one JSON array a line. A line over 1 MiB becomes {"line":N,"error":"..."} and the exit status is 3.
            """)

    @Option(help: ArgumentHelp("SentencePiece model, or a model folder that has one. Environment: INTENTD_MODEL. "
        + "(default: models)", valueName: "file"))
    var model: String?

    @Flag(help: "Show pieces in place of ids.")
    var pieces = false

    @Flag(help: "Put the model's BOS token first.")
    var bos = false

    func run() throws {
        let path = try modelFile(model ?? Settings.process.text("model") ?? "models")
        let tokenizer = try SentencePieceTokenizer(contentsOf: path)
        let prefix = try bos ? [bosID(of: tokenizer, path)] : []
        var lines = LineReader(source: ByteSource(descriptor: STDIN_FILENO), limit: RecordReader.recordLimit)
        var writer = OutputWriter(descriptor: STDOUT_FILENO)
        var number = 0, failures = 0
        do {
            while true {
                if try lines.wouldBlock() { try writer.flush() }
                guard let line = try lines.next() else { break }
                number += 1
                switch line {
                case .tooLong(let limit):
                    failures += 1
                    try writer.writeLine("{\"line\":\(number),\"error\":\"the line is over \(limit) bytes\"}")
                case .bytes(let bytes):
                    let parts = pieces
                        ? prefix.map { tokenizer.piece(of: $0) ?? "" }.map(JSONText.quoted)
                            + tokenizer.encodePieces(bytes: bytes).map { JSONText.quoted($0.text) }
                        : (prefix + tokenizer.encode(bytes: bytes)).map(String.init)
                    try writer.writeLine("[\(parts.joined(separator: ","))]")
                }
            }
            try writer.flush()
        } catch OutputError.closed {
            throw ExitStatus.outputClosed
        }
        if failures > 0 { throw ExitStatus.badRecords }
    }

    private func modelFile(_ path: String) throws(ValidationError) -> String {
        let candidates = [path, path + "/tokenizer.model", path + "/base/tokenizer.model"]
        let found = candidates.first { candidate in
            var isDirectory = false
            return FileManager.default.fileExists(atPath: candidate, isDirectory: &isDirectory) && !isDirectory
        }
        guard let found else {
            throw ValidationError("\(path): no tokenizer.model here; build the model with 'make model' or name one")
        }
        return found
    }

    private func bosID(of tokenizer: SentencePieceTokenizer, _ path: String) throws(ValidationError) -> Int32 {
        guard let id = tokenizer.bosID else { throw ValidationError("\(path) has no BOS token") }
        return id
    }
}
