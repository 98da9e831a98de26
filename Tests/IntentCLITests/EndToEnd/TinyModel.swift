import Foundation
import TestSupport

/// A model folder from the tiny Llama checkpoint and its tokenizer, and what transformers and sentencepiece say of some
/// messages (Tests/oracle/cli_tiny.py).
final class TinyModel {
    struct Expected: Decodable {
        struct Message: Decodable {
            var text: String
            var ids: [Int]
            var pieces: [String]
            var probabilities: [Float]
            var lastHidden: [Float]
        }

        var labels: [String]
        var messages: [Message]

        /// The most probable label of a message.
        func intent(_ message: Message) -> String {
            labels[message.probabilities.indices.max { message.probabilities[$0] < message.probabilities[$1] }!]
        }
    }

    let expected: Expected
    private let folder: TemporaryFolder

    init() throws {
        expected = try Fixtures.decode(Expected.self, "cli/expected.json")
        folder = try TemporaryFolder()
        for name in ["config.json", "model.safetensors"] {
            try Fixtures.data("engine/llama/" + name).write(to: folder.url(name))
        }
        try Fixtures.data("cli/tokenizer.model").write(to: folder.url("tokenizer.model"))
    }

    var path: String { folder.path }
    func url(_ name: String) -> URL { folder.url(name) }
}
