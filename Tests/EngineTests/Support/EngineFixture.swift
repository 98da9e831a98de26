import Foundation

@testable import Engine

/// A tiny checkpoint of `Tests/Fixtures/engine`, and what transformers and peft compute with it in float32.
/// Made by `Tests/oracle/engine_tiny.py`.
struct EngineFixture {
    /// One message, its last hidden states by row, and its logits.
    struct Case: Decodable {
        var ids: [Int32]
        var hidden: [[Float]]
        var logits: [Float]
    }

    let name: String
    let files: ModelFiles
    /// With the unrounded embedding scale: transformers rounds it to the compute type, here float32.
    let plan: DecoderPlan
    let cases: [Case]

    static let names = [
        "gemma3-causal", "gemma3-bidirectional", "gemma3-qlora", "llama", "llama-bias", "llama-rope-llama3",
        "llama-qlora", "llama-qdora", "mistral",
    ]

    init(_ name: String) throws {
        struct Expected: Decodable {
            var cases: [Case]
        }
        self.name = name
        let folder = Self.folder + name
        files = try ModelFiles(try ModelFolder(path: folder))
        var plan = files.plan
        if plan.embeddingScale != 1 { plan.embeddingScale = Float(plan.hiddenSize).squareRoot() }
        self.plan = plan
        let data = try Data(contentsOf: URL(filePath: folder + "/expected.json"))
        cases = try JSONDecoder().decode(Expected.self, from: data).cases
    }

    /// `Tests/Fixtures/engine/` beside this source file.
    static let folder = RepositoryPaths.root + "/Tests/Fixtures/engine/"

    /// The messages of all cases.
    var messages: [[Int32]] { cases.map(\.ids) }
}

/// Where the repository's files are.
enum RepositoryPaths {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)
        .trimmingSuffix("/")
    static let models = root + "/models"
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
