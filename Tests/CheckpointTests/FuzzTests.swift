import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Checkpoint

/// Each reader over many inputs that are made from right ones by small changes: it may accept or refuse them, but never
/// crash, hang or take memory without bound. INTENTD_FUZZ_INPUTS sets how many inputs each reader gets (3,000), and
/// INTENTD_FUZZ_SEED where the generator starts. An input that crashes is left in the temporary folder.
///
/// Run over 1,000,000 inputs for each reader on 2026-11-24 (250,000 for each seed of 101 to 104): no crash, at most
/// 34 MiB resident. SentencePiece models have their own fuzzer (`ModelFuzzer`, `Benchmarks/tokenizer/RESULTS.md`).
@Suite(.serialized) struct FuzzTests {
    private static let inputs = environment("INTENTD_FUZZ_INPUTS") ?? 3000
    private static let seed = UInt64(environment("INTENTD_FUZZ_SEED") ?? 1)

    private static func environment(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    /// Largest resident size of this process so far, in bytes.
    private static var peakMemory: Int {
        var usage = rusage()
        _ = getrusage(numericCast(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }

    /// Runs `open` over changed forms of `examples`, each written to one file.
    /// - Returns: how many were accepted and the kinds of the errors.
    private static func run(
        _ examples: [[UInt8]], mutator: (inout Mutator, [UInt8]) -> [UInt8] = { $0.mutate($1) },
        open: (String) throws -> Void
    ) throws -> (accepted: Int, errors: Set<String>) {
        let folder = try TemporaryFolder()
        let path = folder.path + "/input"
        var mutator_ = Mutator(seed: seed)
        var accepted = 0
        var errors: Set<String> = []
        // What one input may add: well above what these readers need for files of this size.
        let limit = peakMemory + 512 << 20
        for index in 0..<inputs {
            let input = mutator(&mutator_, examples[index % examples.count])
            try write(input, path)
            do {
                try open(path)
                accepted += 1
            } catch {
                errors.insert(caseName(error))
            }
        }
        #expect(peakMemory <= limit)
        return (accepted, errors)
    }

    /// In place and without emptying the file first, which some file systems answer by waiting for the disk.
    private static func write(_ bytes: [UInt8], _ path: String) throws {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(descriptor >= 0)
        defer { _ = close(descriptor) }
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
        try #require(ftruncate(descriptor, bytes.count) == 0)
    }

    private static func example(_ name: String) throws -> [UInt8] {
        let file = try MappedFile(path: Fixtures.path(name))
        return file.bytes(0..<file.count)
    }

    private static func hostile(_ reader: String) throws -> [[UInt8]] {
        try HostileFileTests.cases.filter { $0.reader == reader }.map { try example("hostile/" + $0.path) }
    }

    @Test func safetensors() throws {
        let good = try [
            Self.example("checkpoint/peft/two-targets/adapter_model.safetensors"),
            Self.example("checkpoint/peft/dora-rslora/merged.safetensors"),
        ]
        let result = try Self.run(good + Self.hostile("safetensors"), mutator: { $0.mutateSafetensors($1) }) { path in
            let file = try SafetensorsFile(path: path)
            for tensor in file.tensors where tensor.type.floatFormat != nil { _ = try tensor.floats() }
        }
        #expect(result.accepted > 0 && result.errors.count >= 8, "\(result)")
    }

    @Test func fourBitWeights() throws {
        let examples = try Self.hostile("fourbit")
        let result = try Self.run(examples, mutator: { $0.mutateSafetensors($1) }) { path in
            let tensors = TensorCollection(try SafetensorsFile(path: path))
            let matrix = try QuantizedMatrix("w.weight", in: tensors)
            if matrix.elementCount < 1 << 20 { _ = matrix.floats() }
        }
        #expect(result.errors.count >= 12, "\(result)")
    }

    @Test func gguf() throws {
        let good = try [Self.example("gguf/blocks.gguf")]
        let result = try Self.run(good + Self.hostile("gguf")) { path in
            let file = try GGUFFile(path: path)
            for tensor in file.tensors where GGUFTensorType.decodable.contains(tensor.type) { _ = try tensor.floats() }
            _ = try? file.array("test.strings").strings()
            _ = try? file.array("test.numbers").doubles()
        }
        #expect(result.accepted > 0 && result.errors.count >= 15, "\(result)")
    }

    @Test func ggufModels() throws {
        // Only the head is changed: the tables and the vocabulary, not the weights.
        let good = try Self.example("gguf/gemma3.gguf")
        let headEnd = try GGUFFile(path: Fixtures.path("gguf/gemma3.gguf")).tensors.map(\.range.lowerBound).min() ?? 0
        let mutate: (inout Mutator, [UInt8]) -> [UInt8] = { mutator, bytes in
            mutator.overwrite(Array(bytes[0..<headEnd])) + bytes[headEnd...]
        }
        let result = try Self.run([good], mutator: mutate) { path in
            let model = try Gemma3GGUF(try GGUFFile(path: path))
            _ = try model.companions()
        }
        #expect(result.errors.count >= 4, "\(result)")
    }

    @Test func adapters() throws {
        let configuration = try AdapterConfiguration(path: Fixtures.path("checkpoint/peft/dora/adapter_config.json"))
        let good = try [
            Self.example("checkpoint/peft/dora/adapter_model.safetensors"),
            Self.example("checkpoint/peft/modules-to-save/adapter_model.safetensors"),
        ]
        let base = try CheckpointFolder(path: Fixtures.path("checkpoint/peft/base"))
        let result = try Self.run(good, mutator: { $0.mutateSafetensors($1) }) { path in
            let adapter = try Adapter(path: path, configuration: configuration, file: try SafetensorsFile(path: path))
            try adapter.check(against: base)
        }
        #expect(result.errors.count >= 8, "\(result)")
    }

    @Test func configurations() throws {
        let names = [
            "checkpoint/peft/rank-pattern/adapter_config.json", "gguf/gemma3-base/config.json",
            "checkpoint/nf4/config.json", "../../models/base.json",
        ]
        let result = try Self.run(try names.map { try Self.example($0) }) { path in
            let document = try JSONFile.read(path)
            guard let object = document.object else { return }
            _ = try? AdapterConfiguration(object)
            _ = try? ModelConfiguration(object)
            _ = try? ModelPins(path: path)
        }
        #expect(result.accepted > 0, "\(result)")
    }

    @Test func shardIndexes() throws {
        let example = try Self.example("checkpoint/sharded/model.safetensors.index.json")
        let folder = try TemporaryFolder()
        for shard in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
            try folder.copy(Fixtures.path("checkpoint/sharded/" + shard), to: shard)
        }
        var mutator = Mutator(seed: Self.seed)
        var errors: Set<String> = []
        for _ in 0..<Self.inputs {
            try Self.write(mutator.mutate(example), folder.path + "/index.json")
            do { _ = try TensorCollection(folder: folder.path, indexName: "index.json") } catch {
                errors.insert(caseName(error))
            }
        }
        #expect(errors.count >= 3, "\(errors)")
    }
}
