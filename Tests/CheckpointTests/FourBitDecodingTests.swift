import Testing

@testable import Checkpoint

/// 4-bit weights that bitsandbytes saved, against its own dequantisation: the same bits.
@Suite struct FourBitDecodingTests {
    static let names: [String] = {
        let file = try? SafetensorsFile(path: Fixtures.path("checkpoint/decode.safetensors"))
        return (file?.tensors ?? []).map(\.name).filter { $0.hasSuffix(".expected") }.map { String($0.dropLast(9)) }
    }()

    private static func tensors() throws -> TensorCollection {
        TensorCollection(try SafetensorsFile(path: Fixtures.path("checkpoint/decode.safetensors")))
    }

    @Test func everyKindIsThere() {
        #expect(Self.names.count == 2 * 2 * 8 + 4 + 5 + 1)
    }

    @Test(arguments: names) func decodesToTheSameBits(_ name: String) throws {
        let tensors = try Self.tensors()
        #expect(QuantizedMatrix.isQuantized(name, in: tensors))
        let matrix = try QuantizedMatrix(name, in: tensors)
        let expected = try #require(tensors[name + ".expected"])
        #expect(matrix.format == expected.type.floatFormat)
        #expect([matrix.rows, matrix.columns] == expected.shape)
        let ours = matrix.floats()
        let theirs = try expected.floats()
        let wrong = ours.indices.filter { ours[$0] != theirs[$0] }
        #expect(wrong.isEmpty, "\(wrong.count) of \(ours.count), first at \(wrong.first ?? -1)")
    }

    @Test func anyRunDecodesAsItDoesInTheWhole() throws {
        let tensors = try Self.tensors()
        var random = SplitMix(seed: 5)
        for name in ["nf4-double-32.weight", "odd-columns.weight", "fp4-single-4096.weight"] {
            let matrix = try QuantizedMatrix(name, in: tensors)
            let all = matrix.floats()
            for _ in 0..<200 {
                let start = Int.random(in: 0...all.count, using: &random)
                let end = Int.random(in: start...all.count, using: &random)
                var run = [Float](repeating: .nan, count: end - start)
                run.withUnsafeMutableBufferPointer { matrix.dequantize(elements: start..<end, into: $0) }
                #expect(run == Array(all[start..<end]))
            }
        }
    }

    /// A model that transformers saved in shards, in 4 bits with bfloat16 storage, and the same in one file.
    @Test func shardsHoldWhatOneFileHolds() throws {
        let single = try CheckpointFolder(path: Fixtures.path("checkpoint/single"))
        let sharded = try CheckpointFolder(path: Fixtures.path("checkpoint/sharded"))
        #expect(sharded.tensors.files.count > 1)
        #expect(single.tensors.names == sharded.tensors.names)
        #expect(single.configuration == sharded.configuration)
        for name in single.tensors.names { #expect(single.tensors[name]?.bytes() == sharded.tensors[name]?.bytes()) }
        for layer in 0..<2 {
            let module = "model.layers.\(layer).mlp.down_proj"
            let weight = try sharded.linear(module, rows: 64, columns: 96)
            guard case .quantized(let matrix) = weight else {
                Issue.record("\(module) is not in 4 bits")
                continue
            }
            #expect(matrix.format == .bfloat16)
            #expect(try weight.floats() == single.linear(module).floats())
        }
    }

    @Test func eightBitIsRefusedByName() throws {
        #expect(
            throws: CheckpointError.configuration(.unsupportedQuantization("bitsandbytes 8-bit (LLM.int8)"))
        ) {
            try CheckpointFolder(path: Fixtures.path("checkpoint/eight-bit"))
        }
        // Without its configuration's word for it, the weights say so themselves.
        let path = Fixtures.path("checkpoint/eight-bit/model.safetensors")
        let tensors = TensorCollection(try SafetensorsFile(path: path))
        let name = "model.layers.0.mlp.up_proj.weight"
        #expect(QuantizedMatrix.isQuantized(name, in: tensors))
        #expect(throws: QuantizationError.eightBit(weight: name)) { try QuantizedMatrix(name, in: tensors) }
    }

    @Test(arguments: ["gptq", "awq", "fp8", "compressed-tensors", "hqq", "torchao", "quanto"])
    func otherMethodsAreRefusedByName(_ method: String) throws {
        let text = #"{"model_type":"llama","hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"#
            + #""num_attention_heads":1,"vocab_size":8,"quantization_config":{"quant_method":"\#(method)"}}"#
        let object = try #require(try JSONValue(parsing: Array(text.utf8)).object)
        #expect(throws: ConfigurationError.unsupportedQuantization(method)) { try ModelConfiguration(object) }
    }
}
