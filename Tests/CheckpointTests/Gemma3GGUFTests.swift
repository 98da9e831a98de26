import FileAccess
import TestSupport
import Testing

@testable import Checkpoint

/// Gemma 3 files that are well-formed GGUF but not a model that can be built, each wrong in one way.
@Suite struct Gemma3GGUFTests {
    private static func build(_ change: (inout GGUFPatch) throws -> Void) throws {
        let folder = try TemporaryFolder()
        var patch = try GGUFPatch(Fixtures.path("gguf/gemma3.gguf"))
        try change(&patch)
        let path = try folder.write("x.gguf", patch.bytes)
        defer { #expect(folder.names == ["x.gguf"], "nothing is left after a failure") }
        try BaseModelBuilder(.path(path), output: folder.path + "/base").build()
    }

    private static func refusal(_ change: (inout GGUFPatch) throws -> Void) throws -> ModelBuildError {
        do {
            try build(change)
        } catch let error as ModelBuildError {
            #expect(!"\(error)".isEmpty)
            return error
        }
        Issue.record("accepted")
        return .notFinite(tensor: "none")
    }

    @Test func anotherArchitectureIsRefusedByName() throws {
        let error = try Self.refusal { $0.replace("gemma3", "gemma9") }
        #expect(caseName(error) == "unsupportedArchitecture" && "\(error)".contains("gemma9"))
    }

    @Test func aMissingTensorIsNamed() throws {
        let error = try Self.refusal { $0.replace("blk.1.attn_k.weight", "blk.1.attn_z.weight") }
        #expect(caseName(error) == "missingTensor" && "\(error)".contains("blk.1.attn_k.weight"))
    }

    @Test func aTensorOfNoPartIsNamed() throws {
        let error = try Self.refusal { $0.set("gemma3.block_count", 1) }
        #expect(caseName(error) == "unknownTensor" && "\(error)".contains("blk.1."))
    }

    @Test func aWrongShapeIsNamed() throws {
        let error = try Self.refusal { $0.set("gemma3.attention.head_count", 4) }
        #expect(error == .wrongShape(tensor: "blk.0.attn_q.weight", expected: [128, 64], found: [64, 64]))
    }

    @Test func sizesThatOverflowAreRefused() throws {
        for key in ["gemma3.block_count", "gemma3.embedding_length", "gemma3.attention.head_count"] {
            for value in [UInt32.max, 0] {
                let error = try Self.refusal { $0.set(key, value) }
                #expect(caseName(error) == "gguf" && "\(error)".contains(key), "\(error)")
            }
        }
    }

    @Test func aTensorTypeThatIsNotDecodedIsNamed() throws {
        // The entry's type follows its name, extents and count: a Q5_0 tensor called Q5_1 would need more bytes than
        // it has, so Q5_0 (22 bytes) becomes Q4_1 (20).
        let error = try Self.refusal { patch in
            let name = Array("blk.0.attn_q.weight".utf8)
            let place = (0..<patch.bytes.count).first { Array(patch.bytes[$0...].prefix(name.count)) == name } ?? 0
            let type = place + name.count + 4 + 16
            #expect(patch.bytes[type] == 6)
            patch.bytes[type] = 3
        }
        #expect(error == .gguf(.unsupportedTensorType(tensor: "blk.0.attn_q.weight", type: .q4v1)))
    }

    @Test(arguments: ["blk.0.attn_output.weight", "output_norm.weight"])
    func weightsThatAreNotFiniteAreNamed(_ name: String) throws {
        let file = try GGUFFile(path: Fixtures.path("gguf/gemma3.gguf"))
        let range = try #require(file[tensor: name]).range
        let first = range.lowerBound..<range.lowerBound + 4
        let error = try Self.refusal { $0.bytes.replaceSubrange(first, with: [0, 0, 0xC0, 0x7F]) }
        #expect(caseName(error) == "notFinite", "\(error)")
    }

    @Test func anotherTokenizerIsRefusedByName() throws {
        let error = try Self.refusal { patch in
            // The value follows the key: its type, its length and the text.
            let key = Array("tokenizer.ggml.model".utf8)
            let place = (0..<patch.bytes.count).first { Array(patch.bytes[$0...].prefix(key.count)) == key } ?? 0
            patch.bytes.replaceSubrange(place + key.count + 12..<place + key.count + 17, with: Array("gpt-2".utf8))
        }
        #expect(caseName(error) == "unsupportedTokenizer" && "\(error)".contains("gpt-2"))
    }

    @Test(arguments: ["unknown", "bos", "eos", "padding"])
    func aSpecialTokenOutsideTheVocabularyIsNamed(_ name: String) throws {
        let error = try Self.refusal { $0.set("tokenizer.ggml.\(name)_token_id", 1_000_000) }
        #expect(caseName(error) == "malformedTokenizer" && "\(error)".contains(name), "\(error)")
    }

    @Test func theUnknownTokenMustBeOneAndNotOrdinary() throws {
        let ordinary = try Self.refusal { $0.set("tokenizer.ggml.unknown_token_id", 263) }
        #expect(caseName(ordinary) == "malformedTokenizer" && "\(ordinary)".contains("ordinary"), "\(ordinary)")
        let second = try Self.refusal { $0.set("tokenizer.ggml.token_type", element: 6, 2) }
        #expect(caseName(second) == "malformedTokenizer" && "\(second)".contains("tokens 3 and 6"), "\(second)")
    }

    @Test func ropeScalingIsCarriedOverOrRefusedByName() throws {
        let error = try Self.refusal { $0.add("gemma3.rope.scaling.type", "yarn") }
        #expect(caseName(error) == "unsupportedRope" && "\(error)".contains("yarn"))

        let folder = try TemporaryFolder()
        var patch = try GGUFPatch(Fixtures.path("gguf/gemma3.gguf"))
        patch.add("gemma3.rope.scaling.type", "linear")
        let path = try folder.write("x.gguf", patch.bytes)
        try BaseModelBuilder(.path(path), output: folder.path + "/base").build()
        let model = try ModelConfiguration(path: folder.path + "/base/config.json")
        #expect(model.rope.scaling == .linear(factor: 1) && model.slidingRope.scaling == .none)
    }
}

/// The pins document, wrong in one way each.
@Suite struct ModelPinsTests {
    private static func read(_ change: (inout JSONValue.Object) -> Void) throws -> ModelPins {
        let hash = String(repeating: "a", count: 64)
        let text = #"{"file":{"name":"m","bytes":3,"sha256":"\#(hash)"},"chunks":[{"package":"p","files":["#
            + #"{"name":"m.0","bytes":3,"sha256":"\#(hash)"}]}],"notices":{"package":"n","files":[]},"#
            + #""terms":"https://example.com"}"#
        var object = try #require(try JSONValue(parsing: Array(text.utf8)).object)
        change(&object)
        let folder = try TemporaryFolder()
        return try ModelPins(path: try folder.write("pins.json", Array(JSONValue.object(object).text(.python).utf8)))
    }

    @Test func readsTheCommittedPins() throws {
        let pins = try ModelPins(path: Fixtures.path("../../models/base.json"))
        #expect(pins.bytes == 253_113_024 && pins.chunks.count == 4)
        #expect(pins.sha256 == "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818")
        #expect(pins.notices.map(\.name) == ["GEMMA_TERMS.html", "NOTICE.md"])
    }

    @Test func theExampleIsRight() throws { #expect(try Self.read { _ in }.chunks.count == 1) }

    @Test(arguments: [
        ("file", "null", "file is not an object"), ("chunks", "{}", "chunks is not an array"),
        ("chunks", "[]", "names no chunks"), ("terms", "\"\"", "no terms"),
        ("notices", "[]", "notices is not an object"),
        ("file", #"{"name":"../m","bytes":3,"sha256":"HASH"}"#, "plain file name"),
        ("file", #"{"name":"m","bytes":-1,"sha256":"HASH"}"#, "no valid bytes"),
        ("file", #"{"name":"m","bytes":3,"sha256":"abc"}"#, "no valid sha256"),
        ("file", #"{"name":"m","bytes":4,"sha256":"HASH"}"#, "do not add up"),
        ("notices", #"{"package":"n","files":[{"name":"m.0","bytes":3,"sha256":"HASH"}]}"#, "a file twice"),
        ("notices", #"{"files":[{"name":"t","bytes":3,"sha256":"HASH"}]}"#, "no package"),
    ]) func refusesWithTheReason(_ field: String, _ value: String, _ reason: String) throws {
        let value = value.replacing("HASH", with: String(repeating: "b", count: 64))
        let replacement = try JSONValue(parsing: Array(value.utf8))
        do {
            _ = try Self.read { $0[field] = replacement }
            Issue.record("accepted")
        } catch let error as ModelBuildError {
            #expect(caseName(error) == "pins" && "\(error)".contains(reason), "\(error)")
        }
    }

    @Test func filesThatAreNotPinsAreRefused() throws {
        #expect(throws: ModelBuildError.file(.notFound(path: "/no/such"))) { try ModelPins(path: "/no/such") }
        let folder = try TemporaryFolder()
        let path = try folder.write("pins.json", Array("{".utf8))
        #expect(throws: ModelBuildError.self) { try ModelPins(path: path) }
    }
}
