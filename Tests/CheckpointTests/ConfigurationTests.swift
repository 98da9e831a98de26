import FileAccess
import TestSupport
import Testing

@testable import Checkpoint

/// `config.json`: what it means, and one error for each way in which it can be wrong.
@Suite struct ConfigurationTests {
    private static let llama = [
        "model_type": #""llama""#, "hidden_size": "64", "intermediate_size": "96", "num_hidden_layers": "2",
        "num_attention_heads": "4", "vocab_size": "100",
    ]

    private static func read(_ changes: [String: String?]) throws -> ModelConfiguration {
        var fields = llama
        for (name, value) in changes { fields[name] = value }
        let text = "{" + fields.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
        let object = try #require(try JSONValue(parsing: Array(text.utf8)).object)
        return try ModelConfiguration(object)
    }

    @Test func defaultsAreThoseOfTransformers() throws {
        let llama = try Self.read([:])
        #expect(llama.keyValueHeadCount == 4 && llama.headDimension == 16 && llama.maximumPositions == 2048)
        #expect(llama.activation == .silu && !llama.tiesWordEmbeddings && llama.rope.theta == 10_000)
        #expect(llama.bosToken == 1 && llama.eosTokens == [2] && llama.padToken == nil)
        #expect(llama.layerKinds == [.full, .full])
        let gemma = try Self.read(["model_type": #""gemma3_text""#, "num_hidden_layers": "7", "sliding_window": "16"])
        #expect(gemma.headDimension == 256 && gemma.activation == .geluTanh && gemma.tiesWordEmbeddings)
        #expect(gemma.layerKinds == Array(repeating: .sliding, count: 5) + [.full, .sliding])
        #expect(gemma.rope.theta == 1_000_000 && gemma.slidingRope.theta == 10_000)
    }

    @Test func readsWhatTransformersSaved() throws {
        let model = try ModelConfiguration(path: Fixtures.path("gguf/gemma3-base/config.json"))
        #expect(model.architecture == .gemma3 && model.className == "Gemma3ForCausalLM" && model.format == .bfloat16)
        #expect(model.quantization == QuantizationConfiguration(kind: .nf4, doubleQuantized: true, skippedModules: []))
        #expect(model.attentionScale == 1 / Float(32).squareRoot())
    }

    @Test(arguments: [
        ("model_type", nil, ConfigurationError.missing(field: "model_type")),
        ("hidden_size", nil, .missing(field: "hidden_size")),
        ("vocab_size", nil, .missing(field: "vocab_size")),
        ("model_type", #""mamba""#, .unsupportedArchitecture("mamba")),
        ("model_type", #""gemma3""#, .missing(field: "text_config")),
        ("hidden_act", #""relu""#, .unsupportedActivation("relu")),
        ("rope_scaling", #"{"rope_type":"yarn","factor":2}"#, .unsupportedRope("yarn")),
        ("rope_scaling", #"{"rope_type":"linear"}"#, .missing(field: "factor")),
        ("partial_rotary_factor", "0.5", .unsupportedFeature("partial_rotary_factor")),
        ("quantization_config", #"{"quant_method":"gptq"}"#, .unsupportedQuantization("gptq")),
        ("quantization_config", #"{"load_in_8bit":true}"#, .unsupportedQuantization("bitsandbytes 8-bit (LLM.int8)")),
        ("quantization_config", #"{"load_in_4bit":true,"bnb_4bit_quant_type":"af4"}"#, .unsupportedQuantization("af4")),
        ("quantization_config", "{}", .unsupportedQuantization("bitsandbytes without load_in_4bit")),
    ] as [(String, String?, ConfigurationError)])
    func refusesByName(_ field: String, _ value: String?, _ expected: ConfigurationError) {
        #expect(throws: expected) { try Self.read([field: value]) }
    }

    @Test(arguments: [
        ("hidden_size", "0"), ("hidden_size", "-1"), ("hidden_size", "1e30"), ("hidden_size", #""64""#),
        ("num_hidden_layers", "100000"), ("num_key_value_heads", "3"), ("head_dim", "15"), ("hidden_size", "63"),
        ("rms_norm_eps", "-1"), ("rms_norm_eps", "NaN"), ("rope_theta", "0"), ("tie_word_embeddings", "1"),
        ("eos_token_id", #""x""#), ("id2label", #"{"1":"a"}"#), ("id2label", "[]"), ("rope_scaling", "[]"),
        ("quantization_config", "1"), ("num_attention_heads", "268435456"),
    ]) func anInvalidFieldIsNamed(_ field: String, _ value: String) {
        do {
            _ = try Self.read([field: value])
            Issue.record("accepted")
        } catch {
            #expect(caseName(error) == "invalid", "\(error)")
        }
    }

    @Test func filesThatAreNotConfigurationsAreRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("config.json", Array("[]".utf8))
        #expect(throws: ConfigurationError.notAnObject(path: path)) { try ModelConfiguration(path: path) }
        #expect(throws: ConfigurationError.file(.file(.notFound(path: "/no/such")))) {
            try ModelConfiguration(path: "/no/such")
        }
    }
}

/// Model folders that lack something.
@Suite struct CheckpointFolderTests {
    private static func folder(_ names: [String: [UInt8]] = [:]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.copy(Fixtures.path("checkpoint/peft/base/config.json"), to: "config.json")
        for (name, bytes) in names { try folder.write(name, bytes) }
        return folder
    }

    @Test func whatIsMissingIsSaid() throws {
        #expect(throws: CheckpointError.notAFolder(path: "/no/such")) { try CheckpointFolder(path: "/no/such") }
        let bare = try Self.folder()
        #expect(throws: CheckpointError.noWeights(path: bare.path)) { try CheckpointFolder(path: bare.path) }
        let pickled = try Self.folder(["pytorch_model.bin": [1]])
        #expect(throws: CheckpointError.pickledWeights(path: pickled.path)) { try CheckpointFolder(path: pickled.path) }
        let empty = try Self.folder(["model.safetensors": [2, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]])
        #expect(throws: CheckpointError.noEmbeddings(path: empty.path)) { try CheckpointFolder(path: empty.path) }
        let broken = try Self.folder(["model.safetensors": [1]])
        #expect(
            throws: CheckpointError.safetensors(.tooShort(path: broken.path + "/model.safetensors", bytes: 1))
        ) { try CheckpointFolder(path: broken.path) }
    }

    @Test func tensorsAreCheckedWhenAskedFor() throws {
        let model = try CheckpointFolder(path: Fixtures.path("checkpoint/peft/base"))
        let name = "model.layers.0.self_attn.q_proj"
        #expect(try model.tensor(name + ".weight", shape: [32, 32]).shape == [32, 32])
        #expect(throws: CheckpointError.missingTensor(path: model.path, tensor: "x")) { try model.tensor("x") }
        #expect(throws: CheckpointError.wrongShape(tensor: name + ".weight", expected: [1], found: [32, 32])) {
            try model.tensor(name + ".weight", shape: [1])
        }
        #expect(throws: CheckpointError.wrongShape(tensor: name + ".weight", expected: [9, 32], found: [32, 32])) {
            try model.linear(name, rows: 9)
        }
        let error = #expect(throws: CheckpointError.self) { try model.linear("model.norm") }
        #expect(error.map { caseName($0) } == "wrongShape")
    }
}
