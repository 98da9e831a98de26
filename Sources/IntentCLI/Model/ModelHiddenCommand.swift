import ArgumentParser
import Engine
import Glibc

/// `intentd model hidden`: hidden states, for comparison with other implementations of the model.
struct ModelHiddenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hidden",
        abstract: "Print the hidden states of each line of standard input.",
        discussion: """
            Writes one JSON object a line: {"ids":[...],"hidden":[[...],...]}, the states after the final norm, one \
            row a token. Use --precision reference or f32 to compare with transformers.
            """)

    @OptionGroup(title: "Model") var model: ModelOptions

    func run() throws {
        let engine = try EngineLoader.load(try model.loadOptions())
        defer { engine.stop() }
        var reader = RecordReader(
            source: ByteSource(descriptor: STDIN_FILENO), format: .text,
            fields: RecordReader.Fields(text: "text", id: "id"))
        var writer = OutputWriter(descriptor: STDOUT_FILENO)
        do {
            while let record = try reader.next() {
                let message = try engine.tokenizer.tokenize(try record.text.get())
                let states = try engine.hiddenStates(of: message)
                let width = engine.description.hiddenSize
                let rows = stride(from: 0, to: states.count, by: width).map { start in
                    "[\(states[start..<start + width].map { "\($0)" }.joined(separator: ","))]"
                }
                let ids = message.ids.map(String.init).joined(separator: ",")
                try writer.writeLine("{\"ids\":[\(ids)],\"hidden\":[\(rows.joined(separator: ","))]}")
            }
            try writer.flush()
        } catch OutputError.closed {
            throw ExitStatus.outputClosed
        }
    }
}
