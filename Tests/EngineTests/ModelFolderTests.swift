import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import Engine

@Suite struct ModelFolderTests {
    @Test func findsIntentdsOwnLayout() throws {
        let folder = try TemporaryFolder()
        try folder.write("base/config.json", "{}")
        try folder.write("adapter/adapter_config.json", "{}")
        try folder.write("adapter-fast/adapter_config.json", "{}")
        let standard = try ModelFolder(path: folder.path)
        #expect(standard.base == folder.path + "/base")
        #expect(standard.adapter == folder.path + "/adapter")
        #expect(try ModelFolder(path: folder.path, adapter: .named("fast")).adapter == folder.path + "/adapter-fast")
        #expect(try ModelFolder(path: folder.path, adapter: .none).adapter == nil)
    }

    @Test func findsAnAdapterFolderWithItsBaseBesideIt() throws {
        let folder = try TemporaryFolder()
        try folder.write("base/config.json", "{}")
        try folder.write("mine/adapter_config.json", "{}")
        let model = try ModelFolder(path: folder.path + "/mine")
        #expect(model.adapter == folder.path + "/mine")
        #expect(model.base == folder.path + "/mine/../base")
    }

    @Test func findsTheBaseThatTheAdapterNames() throws {
        let folder = try TemporaryFolder()
        try folder.write("weights/config.json", "{}")
        try folder.write(
            "mine/adapter_config.json",
            #"{"peft_type": "LORA", "r": 4, "base_model_name_or_path": "\#(folder.path)/weights"}"#)
        #expect(try ModelFolder(path: folder.path + "/mine").base == folder.path + "/weights")
    }

    @Test func takesAMergedModel() throws {
        let folder = try TemporaryFolder()
        try folder.write("config.json", "{}")
        let model = try ModelFolder(path: folder.path)
        #expect(model.base == folder.path)
        #expect(model.adapter == nil)
    }

    @Test func saysWhatIsMissing() throws {
        let folder = try TemporaryFolder()
        func message(_ body: () throws -> ModelFolder) -> String {
            do { _ = try body(); return "" } catch { return "\(error)" }
        }
        #expect(message { try ModelFolder(path: folder.path + "/none") }.contains("no such folder"))
        try folder.write("adapter/adapter_config.json", "{}")
        #expect(message { try ModelFolder(path: folder.path) }.contains("make model"))
        try folder.write("base/config.json", "{}")
        #expect(message { try ModelFolder(path: folder.path, adapter: .named("x")) }.contains("no adapter here"))
    }

    @Test func labelsMustFitTheHead() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama", to: "model")
        for (labels, reason) in [
            (#"["a", "b"]"#, "2 labels, the head 7 outputs"),
            (#"["a", "a", "b", "c", "d", "e", "f"]"#, "distinct"),
            (#"["a", "", "b", "c", "d", "e", "f"]"#, "not empty"),
            (#"{"a": 1}"#, "not a JSON array of strings"),
        ] {
            try folder.write("model/labels.json", labels)
            let error = #expect(throws: EngineError.self) { try ModelFiles(try ModelFolder(path: folder.path + "/model")) }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
        try folder.write("model/labels.json", #"["a", "b", "c", "d", "e", "f", "g"]"#)
        #expect(try ModelFiles(try ModelFolder(path: folder.path + "/model")).labels.last == "g")
    }

    @Test func labelsOfTheConfigurationMustBeDistinct() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama", to: "model")
        let text = String(decoding: try folder.bytes("model/config.json"), as: UTF8.self)
        for other in ["LABEL_0", ""] {
            try folder.write("model/config.json", text.replacing(#""1": "LABEL_1""#, with: #""1": "\#(other)""#))
            let expected = EngineError.invalidFile(
                path: folder.path + "/model/config.json", reason: "id2label: labels must be distinct and not empty")
            #expect(throws: expected) { try ModelFiles(try ModelFolder(path: folder.path + "/model")) }
        }
        // Names of one's own stand in for them.
        try folder.write("model/labels.json", #"["a", "b", "c", "d", "e", "f", "g"]"#)
        #expect(try ModelFiles(try ModelFolder(path: folder.path + "/model")).labels.count == 7)
    }

    @Test func fewerLayersThanTheBaseHas() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama", to: "model")
        try folder.write("model/intentd.json", #"{"format": 1, "layers": 2, "attention": "bidirectional"}"#)
        let files = try ModelFiles(try ModelFolder(path: folder.path + "/model"))
        #expect(files.plan.layers.count == 2)
        #expect(files.plan.attention == .bidirectional)
        try folder.write("model/intentd.json", #"{"format": 1, "layers": 9}"#)
        #expect(throws: EngineError.mismatch("intentd.json asks for 9 layers; the base has 3")) {
            try ModelFiles(try ModelFolder(path: folder.path + "/model"))
        }
    }

    @Test func anAdapterOfLayersThatDoNotRunIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama-qlora", to: "model")
        try folder.write("model/intentd.json", #"{"format": 1, "layers": 2}"#)
        let error = #expect(throws: EngineError.self) { try ModelFiles(try ModelFolder(path: folder.path + "/model")) }
        #expect(error?.description.contains("only the first 2 layers run") == true)
    }

    @Test func replacedTensorsOfLayersThatDoNotRunAreRefused() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama-qlora", to: "model")
        let weights = "model/adapter/adapter_model.safetensors"
        let file = try SafetensorsFile(path: folder.path + "/" + weights)
        var tensors = try file.tensors.filter { !$0.name.contains(".layers.2.") }
            .map { (name: $0.name, shape: $0.shape, values: try $0.floats()) }
        for layer in 0..<3 {
            let name = "base_model.model.model.layers.\(layer).input_layernorm.weight"
            tensors.append((name, [64], [Float](repeating: 1, count: 64)))
        }
        try folder.write(weights, SafetensorsBytes.make(tensors))
        let configuration = "model/adapter/adapter_config.json"
        let text = String(decoding: try folder.bytes(configuration), as: UTF8.self)
            .replacing(#""layers_to_transform": null"#, with: #""layers_to_transform": [0, 1]"#)
            .replacing(#""classifier","#, with: #""classifier", "input_layernorm","#)
        try folder.write(configuration, text)
        _ = try ModelFiles(try ModelFolder(path: folder.path + "/model"))
        try folder.write("model/intentd.json", #"{"format": 1, "layers": 2}"#)
        let expected = EngineError.mismatch(
            "the adapter changes model.layers.2.input_layernorm.weight, but only the first 2 layers run")
        #expect(throws: expected) { try ModelFiles(try ModelFolder(path: folder.path + "/model")) }
    }

    @Test func anAdapterOfAnotherBaseIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama-qlora/adapter", to: "adapter")
        try folder.copy(EngineFixture.folder + "gemma3-qlora/base", to: "base")
        let error = #expect(throws: EngineError.self) { try ModelFiles(try ModelFolder(path: folder.path)) }
        guard case .adapter = error else {
            Issue.record("\(error?.description ?? "no error")")
            return
        }
        #expect(error?.description.contains("model.layers.0.") == true, "\(error?.description ?? "")")
    }

    @Test func aModelWithoutATokenizerSaysSo() throws {
        let error = #expect(throws: EngineError.self) {
            try IntentEngine(LoadOptions(model: EngineFixture.folder + "llama", threads: 1))
        }
        #expect(error?.description.contains("tokenizer.model") == true)
    }

    @Test func pipesAreRefused() throws {
        for name in ["labels.json", "intentd.json", "tokenizer_config.json", "precision.json"] {
            let folder = try TemporaryFolder()
            try folder.copy(EngineFixture.folder + "llama", to: "base")
            try folder.copy(EngineFixture.folder + "llama-causal/tokenizer.model", to: "tokenizer.model")
            try #require(mkfifo(folder.path + "/" + name, 0o600) == 0)
            let error = #expect(throws: EngineError.self) {
                _ = try PrecisionRecord(adapter: folder.path)
                _ = try ModelFiles(try ModelFolder(path: folder.path)).tokenizer()
            }
            #expect(error?.description.contains(name) == true, "\(error?.description ?? "no error")")
        }
    }

    @Test(arguments: [
        ("{", false), (#"{"add_bos_token": "no"}"#, false), ("[]", false), (#"{"add_bos_token": null}"#, true),
        (#"{"model_max_length": 1000000000000000019884624838656}"#, true),
    ])
    func aBrokenTokenizerConfigurationIsRefused(_ text: String, _ isRight: Bool) throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama-causal", to: "model")
        try folder.write("model/tokenizer_config.json", text)
        let files = try ModelFiles(try ModelFolder(path: folder.path + "/model"))
        if isRight {
            #expect(try files.tokenizer().tokenize("x").ids.first == 1)
        } else {
            let error = #expect(throws: EngineError.self) { try files.tokenizer() }
            #expect(error?.description.hasPrefix(folder.path + "/model/tokenizer_config.json: ") == true)
        }
    }
}
