import Foundation
import SentencePiece
import SentencePieceOracle

/// The committed models and cases, made by Tests/oracle/sentencepiece_models.py and sentencepiece_cases.py.
enum Fixtures {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let folder = repository.appendingPathComponent("Tests/Fixtures/sentencepiece")

    /// The committed models' names.
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".model") }.map { String($0.dropLast(6)) }.sorted()

    /// The default model's tokenizer, which `make model` builds.
    static let gemmaPath = repository.appendingPathComponent("models/base/tokenizer.model").path
    /// Taken to be there in CI, so that its tests fail and are not left out where it is missing.
    static let hasGemma = FileManager.default.fileExists(atPath: gemmaPath) || isCI
    private static let isCI = !["", "0", "false"].contains(ProcessInfo.processInfo.environment["CI"] ?? "")

    static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    static func modelPath(_ name: String) -> String { path(name + ".model") }

    static func tokenizer(_ name: String) throws -> SentencePieceTokenizer {
        try SentencePieceTokenizer(contentsOf: name == "gemma" ? gemmaPath : modelPath(name))
    }

    static func cases(_ name: String) throws -> RecordedCases {
        try RecordedCases(path: folder.appendingPathComponent(name + ".cases").path)
    }
}
