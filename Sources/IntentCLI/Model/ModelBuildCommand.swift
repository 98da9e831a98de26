import ArgumentParser
import Checkpoint
import Glibc

/// `intentd model build`: turns the downloaded GGUF, or another model, into the folder of a 4-bit base model.
struct ModelBuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Build the 4-bit base model: config.json, model.safetensors, tokenizer.model.",
        discussion: """
            Without --from, the GGUF file that the pins name is put together from its downloaded chunks and every hash \
            is checked. With --from, a GGUF file or a transformers folder is the source: unquantised weights become \
            NF4; a folder that is in 4 bits already is checked and copied.

            The output folder appears complete or not at all, and the same source gives the same bytes. Standard \
            output has the SHA-256 of each file.
            """)

    @Option(help: ArgumentHelp("Where the base comes from: file names, sizes and SHA-256.", valueName: "file"))
    var pins = "models/base.json"

    @Option(help: ArgumentHelp("The downloaded chunks; models/fetch.sh fetches them.", valueName: "folder"))
    var downloads = "models/downloads"

    @Option(help: ArgumentHelp("Build from this GGUF file or model folder instead.", valueName: "path"))
    var from: String?

    @Option(help: ArgumentHelp("Folder to build; replaced if it is there.", valueName: "folder"))
    var output = "models/base"

    func run() throws {
        let pins = try from == nil ? ModelPins(path: pins) : nil
        let source = pins.map { BaseModelBuilder.Source.pinned($0, downloads: downloads) } ?? .path(from ?? "")
        let builder = BaseModelBuilder(source, output: output)
        if let pins { tell("The weights are subject to the Gemma terms of use: \(pins.terms)") }
        var line = ProgressLine()
        let result: BaseModelBuilder.Result
        do {
            result = try builder.build { progress in
                line.show(progress.step.rawValue, progress.done, of: progress.total)
            }
        } catch {
            line.clear()
            throw error
        }
        line.clear()
        try StandardOutput.write(result.files.map { "\($0.sha256)  \($0.name)" }.joined(separator: "\n"))
        let size = (result.weightBytes + 500_000) / 1_000_000
        tell("Built \(output): \(result.quantizedLayers) linear layers in 4 bits, \(size) MB of weights.")
        if let pins, !pins.notices.isEmpty {
            let names = pins.notices.map(\.name).joined(separator: " and ")
            tell("\(names) lie beside the weights; pass them on with every copy.")
        }
    }

    private func tell(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
