import CKernels
import Foundation
import TestSupport
import Testing

@testable import Checkpoint
@testable import Engine

/// What a model's files may hold that would give wrong answers, or none, without a word.
@Suite struct ModelWeightsTests {
    private static let llama = EngineFixture.folder + "llama"

    private func files(_ folder: TemporaryFolder) throws -> ModelFiles {
        try ModelFiles(try ModelFolder(path: folder.path))
    }

    /// The Llama fixture as a base, with text of its config.json replaced.
    private func base(replacing old: String = "", by new: String = "") throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.copy(Self.llama, to: "base")
        if !old.isEmpty { try replace("base/config.json", old, new, folder) }
        return folder
    }

    private func replace(_ name: String, _ old: String, _ new: String, _ folder: TemporaryFolder) throws {
        let text = String(decoding: try folder.bytes(name), as: UTF8.self)
        try #require(text.contains(old))
        try folder.write(name, text.replacing(old, with: new))
    }

    private func writeAdapter(
        _ module: String, a: [Float], b: [Float], to folder: TemporaryFolder
    ) throws {
        try folder.write("adapter/adapter_config.json", #"{"peft_type": "LORA", "r": 1, "lora_alpha": 2}"#)
        let name = "base_model.model." + module
        try folder.write(
            "adapter/adapter_model.safetensors",
            SafetensorsBytes.make([
                (name + ".lora_A.weight", [1, a.count], a), (name + ".lora_B.weight", [b.count, 1], b),
            ]))
    }

    private func packed(_ files: ModelFiles) throws -> PackedClassifier {
        let pool = ForkJoinPool(threadCount: 1)
        defer { pool.stop() }
        return try PackedClassifier(
            files, prompt: nil, format: CK_F32, group: IntentEngine.quantisationGroup, rows: 8,
            kernels: try KernelSet(), pool: pool, progress: { _ in })
    }

    @Test func weightsOfAnotherShapeAreRefusedInEveryPrecision() throws {
        let files = try files(try base(replacing: #""intermediate_size": 192"#, by: #""intermediate_size": 160"#))
        let expected = EngineError.checkpoint(
            .wrongShape(tensor: "model.layers.0.mlp.gate_proj.weight", expected: [160, 64], found: [192, 64]))
        #expect(throws: expected) { try ReferenceClassifier(files, prompt: nil, rows: 8) }
        #expect(throws: expected) { try packed(files) }
    }

    @Test func anAdapterOfTheHeadIsMerged() throws {
        let folder = try base()
        let plain = try files(folder).source.head(hiddenSize: 64).weight
        let a = (0..<64).map { Float($0) }, b: [Float] = [1, 0, -1, 2, 0, 0, 3]
        try writeAdapter("score", a: a, b: b, to: folder)
        let merged = try files(folder).source.head(hiddenSize: 64).weight
        for (index, value) in merged.enumerated() {
            #expect(value == plain[index] + 2 * b[index / 64] * a[index % 64])
        }
    }

    /// Tied or not: PEFT computes with the adapted layer.
    @Test func anAdapterOfATiedLanguageModelHeadIsUsed() throws {
        let folder = try TemporaryFolder()
        try folder.copy(EngineFixture.folder + "llama-causal/base", to: "base")
        try replace("base/config.json", #""tie_word_embeddings": false"#, #""tie_word_embeddings": true"#, folder)
        try writeAdapter(
            "lm_head", a: [Float](repeating: 1, count: 64), b: [Float](repeating: 1, count: 340), to: folder)
        let source = try WeightSource(
            base: CheckpointFolder(path: folder.path + "/base"), adapter: Adapter(path: folder.path + "/adapter"))
        #expect(try source.languageModelHead().update?.module == "lm_head")
    }

    @Test(arguments: ["score.weight", "model.norm.weight", "model.layers.1.input_layernorm.weight"])
    func whatIsNotANumberIsRefusedByName(_ tensor: String) throws {
        let folder = try base()
        try SafetensorsBytes.spoil(tensor, at: folder.path + "/base/model.safetensors")
        #expect(throws: EngineError.mismatch("\(tensor) holds a NaN or an infinity")) { try packed(try files(folder)) }
    }

    @Test(arguments: ["q_proj", "k_proj", "v_proj"]) func theSpoiltSiblingIsNamed(_ name: String) throws {
        let folder = try base()
        let tensor = "model.layers.1.self_attn.\(name).weight"
        try SafetensorsBytes.spoil(tensor, at: folder.path + "/base/model.safetensors")
        #expect(throws: EngineError.mismatch("\(tensor) holds a NaN or an infinity")) { try packed(try files(folder)) }
    }

    /// At every level, whichever rows are read together; with a rank and widths that fill no vector, and rows of zeros.
    @Test(arguments: KernelSet.available, [(rank: 1, columns: 5), (rank: 3, columns: 67), (rank: 16, columns: 640)])
    func kernelsMergeInTheBitsOfThePlainMerge(_ level: String, _ shape: (rank: Int, columns: Int)) throws {
        let folder = try TemporaryFolder(), rows = 23, columns = shape.columns
        func values(_ count: Int, _ seed: UInt32) -> [Float] {
            (0..<UInt32(count)).map { Float(Int32(bitPattern: ($0 &+ seed) &* 2_654_435_761)) * 0x1p-31 }
        }
        try folder.write("w.safetensors", SafetensorsBytes.make([("w", [rows, columns], values(rows * columns, 1))]))
        let file = try SafetensorsFile(path: folder.path + "/w.safetensors")
        for magnitude in [nil, values(rows, 4)] {
            let update = LoRALayer(
                module: "w", rank: shape.rank, rows: rows, columns: columns, a: values(shape.rank * columns, 2),
                b: [Float](repeating: 0, count: shape.rank) + values((rows - 1) * shape.rank, 3), scale: 0.3,
                magnitude: magnitude, upBias: nil)
            let layer = MergedLinear(weight: .dense(try #require(file["w"])), update: update, bias: nil)
            let plain = try ReferenceMatrix(layer).values, kernels = try KernelSet(forced: level)
            var merged: [Float] = []
            for range in [0..<1, 1..<17, 17..<23] {
                var part = [Float](repeating: 0, count: range.count * columns)
                try part.withUnsafeMutableBufferPointer { try layer.read(rows: range, into: $0, kernels: kernels) }
                merged += part
            }
            #expect(merged.map { $0.bitPattern } == plain.map { $0.bitPattern })
        }
    }

    /// At every level, of weights that bitsandbytes saved: both kinds, all block sizes and formats, scales in one level
    /// and in two, rows that end inside a block and inside a byte.
    @Test(arguments: KernelSet.available)
    func kernelsDecodeInTheBitsOfThePlainDecoding(_ level: String) throws {
        let path = RepositoryPaths.root + "/Tests/Fixtures/checkpoint/decode.safetensors"
        let tensors = TensorCollection(try SafetensorsFile(path: path)), kernels = try KernelSet(forced: level)
        let names = tensors.names.filter { QuantizedMatrix.isQuantized($0, in: tensors) }
        #expect(names.count == 42)
        for name in names {
            let matrix = try QuantizedMatrix(name, in: tensors)
            let layer = MergedLinear(weight: .quantized(matrix), update: nil, bias: nil)
            let cuts = Set([0, 1, matrix.rows / 3, matrix.rows / 2, matrix.rows]).sorted()
            var decoded: [Float] = []
            for range in zip(cuts, cuts.dropFirst()).map({ $0..<$1 }) {
                var part = [Float](repeating: .nan, count: range.count * matrix.columns)
                try part.withUnsafeMutableBufferPointer { try layer.read(rows: range, into: $0, kernels: kernels) }
                decoded += part
            }
            #expect(decoded.map { $0.bitPattern } == matrix.floats().map { $0.bitPattern }, "\(name)")
        }
    }

    /// Each number of the file is in some part, and so are the tables made at load.
    @Test(arguments: ["gemma3-causal", "llama-bias"]) func weightsInAllAreTheirParts(_ fixture: String) throws {
        let files = try EngineFixture(fixture).files
        let stored = try #require(files.source.base.tensors.files.first).tensors
            .filter { !$0.name.contains("embed_tokens") && !$0.name.hasPrefix("lm_head") }
        func bytes(where isIn: (String) -> Bool) -> Int {
            stored.filter { isIn($0.name) }.reduce(0) { $0 + $1.shape.reduce(MemoryLayout<Float>.stride, *) }
        }
        let reference = try ReferenceClassifier(files, prompt: nil, rows: 8)
        for memory in try [packed(files).memory, reference.memory] {
            let held = Dictionary(uniqueKeysWithValues: memory.map { ($0.name, $0.f32Bytes) })
            #expect(held["classification head"] == bytes { $0.hasPrefix("score.") })
            #expect(
                held["norms and biases"]
                    == bytes { !$0.hasPrefix("score.") && ($0.contains("norm") || $0.hasSuffix(".bias")) })
            let tables = files.plan.rotary.count * files.maximumTokens * files.plan.headSize
            #expect(held["rotary tables"] == tables * MemoryLayout<Float>.stride)
            #expect(held["scope detector"] == nil)
            #expect(memory.reduce(0) { $0 + $1.f32Bytes } == bytes { _ in true } + (held["rotary tables"] ?? 0))
        }
    }

    /// Those of the head and of the detector, for every precision alike.
    @Test func theDetectorsMeansAreCounted() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "scope.safetensors",
            SafetensorsBytes.make([("means", [3, 2], [1, 0, 0, 1, 1, 1]), ("center", [2], [0, 0])]))
        let detector = try ScopeDetector(
            .init(method: .cosine, threshold: 0, tensors: "scope.safetensors"), folder: folder.path, hiddenSize: 2)
        let head = ClassificationHead(
            weight: [1, 2, 3, 4, 5, 6], bias: [1, 2, 3], labelCount: 3, hiddenSize: 2, settings: ModelSettings(),
            detector: detector)
        #expect(head.memory.map(\.bytes) == [9 * 4, 8 * 4] && head.memory.allSatisfy(\.isAlwaysF32))
    }
}
