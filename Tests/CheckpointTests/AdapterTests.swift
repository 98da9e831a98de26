import FileAccess
import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Adapters of every kind that peft saves, merged, against peft's own merge (Tests/oracle/checkpoint_peft.py).
@Suite struct AdapterTests {
    static let names = [
        "attention", "all-linear", "two-targets", "pattern-target", "rslora", "rank-pattern", "rslora-pattern",
        "bias-all", "bias-lora-only", "lora-bias", "modules-to-save", "dora", "dora-rslora", "fan-in-fan-out",
        "causal", "causal-head",
    ]

    /// Both sides compute in f32 in another order of operations; weights are of size 1 at most here. DoRA divides by a
    /// row's length besides.
    private static let bound: Float = 2e-6

    private static func open(_ name: String) throws -> AdaptedCheckpoint {
        let base = name.hasPrefix("causal") ? "base-causal" : "base"
        return try AdaptedCheckpoint(
            base: try CheckpointFolder(path: Fixtures.path("checkpoint/peft/" + base)),
            adapter: try Adapter(path: Fixtures.path("checkpoint/peft/" + name)))
    }

    @Test func everyAdapterOfTheFixtureIsTested() {
        let folders = FileSystem.names(in: Fixtures.path("checkpoint/peft")).filter { !$0.hasPrefix("base") }
        #expect(Set(folders) == Set(Self.names))
    }

    @Test(arguments: names) func mergesAsPeftDoes(_ name: String) throws {
        let model = try Self.open(name)
        let merged = try SafetensorsFile(path: Fixtures.path("checkpoint/peft/\(name)/merged.safetensors"))
        #expect(!merged.tensors.isEmpty)
        for tensor in merged.tensors {
            let ours = try Self.value(tensor.name, in: model, count: tensor.elementCount)
            let theirs = try tensor.floats()
            try #require(ours.count == theirs.count, "\(tensor.name)")
            let worst = zip(ours, theirs).map { abs($0 - $1) }.max() ?? 0
            #expect(worst <= Self.bound, "\(tensor.name): \(worst)")
        }
    }

    /// What the adapter does not change stays the base's, in every bit.
    @Test(arguments: names) func leavesTheRestAlone(_ name: String) throws {
        let model = try Self.open(name)
        let changed = Set(
            try SafetensorsFile(path: Fixtures.path("checkpoint/peft/\(name)/merged.safetensors")).tensors.map(\.name))
        for original in model.base.tensors.names where !changed.contains(original) {
            let tensor = try #require(model.base.tensors[original])
            #expect(
                try Self.value(original, in: model, count: tensor.elementCount) == tensor.floats(), "\(original)")
        }
    }

    private static func value(_ name: String, in model: AdaptedCheckpoint, count: Int) throws -> [Float] {
        if name.hasSuffix(".bias") {
            return try model.bias(String(name.dropLast(5)), count: count) ?? []
        }
        let module = String(name.dropLast(7))
        guard let tensor = model.tensorIfPresent(name), tensor.shape.count == 2, model.lora(module) != nil else {
            return try model.floats(name)
        }
        let weight = try model.linear(module)
        var result = [Float](repeating: 0, count: weight.rows * weight.columns)
        try result.withUnsafeMutableBufferPointer { try model.readMerged(module, rows: 0..<weight.rows, into: $0) }
        return result
    }

    @Test func rowsMergeAloneAsTheyDoTogether() throws {
        let model = try Self.open("dora")
        let module = "model.layers.1.mlp.down_proj"
        let weight = try model.linear(module)
        var all = [Float](repeating: 0, count: weight.rows * weight.columns)
        try all.withUnsafeMutableBufferPointer { try model.readMerged(module, rows: 0..<weight.rows, into: $0) }
        for row in 0..<weight.rows {
            var one = [Float](repeating: 0, count: weight.columns)
            try one.withUnsafeMutableBufferPointer { try model.readMerged(module, rows: row..<row + 1, into: $0) }
            #expect(one == Array(all[row * weight.columns..<(row + 1) * weight.columns]))
        }
    }

    /// What `cp` does to an adapter that a server has open: a mapped file would end the process here.
    @Test func anAdapterMayBeWrittenOverOnceItIsOpen() throws {
        let name = "modules-to-save"
        let expected = try Adapter(path: Fixtures.path("checkpoint/peft/" + name)).replacements
            .mapValues { try $0.floats() }
        try #require(!expected.isEmpty)
        let folder = try TemporaryFolder()
        try folder.copy(Fixtures.path("checkpoint/peft/" + name), to: "adapter")
        let adapter = try Adapter(path: folder.path + "/adapter")
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path + "/adapter") {
            try #require(truncate(folder.path + "/adapter/" + file, 0) == 0)
        }
        #expect(try adapter.replacements.mapValues { try $0.floats() } == expected)
    }

    @Test func anAdapterOverTheLimitIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.copy(Fixtures.path("checkpoint/peft/attention"), to: "adapter")
        let path = folder.path + "/adapter/adapter_model.safetensors"
        // A hole: nothing is written.
        try #require(truncate(path, off_t(Adapter.weightsLimit) + 1) == 0)
        let expected = FileError.overLimit(path: path, bytes: Adapter.weightsLimit + 1, limit: Adapter.weightsLimit)
        #expect(throws: AdapterError.weights(.file(expected))) {
            try Adapter(path: folder.path + "/adapter")
        }
    }

    @Test func aFolderThatIsNotThereIsSaid() {
        #expect(throws: AdapterError.notAFolder(path: "/no/such")) { try Adapter(path: "/no/such") }
    }

    @Test func aBaseThatDoesNotReadIsSaid() throws {
        // q_proj is there, but as whole numbers.
        let folder = try TemporaryFolder()
        try folder.copy(Fixtures.path("checkpoint/peft/base/config.json"), to: "config.json")
        var writer = try FileWriter(creating: folder.path + "/model.safetensors")
        let names = ["model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"]
        let contents = names.map { name in
            SafetensorsContent<FileError>(name: name, type: .i32, shape: [32, 32]) { file throws(FileError) in
                try file.write([UInt8](repeating: 0, count: 4096))
            }
        }
        try SafetensorsWriter.write(contents, metadata: [], to: &writer, wrapping: { $0 })
        _ = try writer.finish()
        let base = try CheckpointFolder(path: folder.path)
        let adapter = try Adapter(path: Fixtures.path("checkpoint/peft/two-targets"))
        do {
            try adapter.check(against: base)
            Issue.record("accepted")
        } catch {
            #expect(caseName(error) == "base" || caseName(error) == "moduleNotInBase", "\(error)")
        }
    }
}

/// `rank_pattern` and `alpha_pattern` keys, with the answers of Python's `re.match(rf"(.*\.)?({key})$", path)`.
@Suite struct ModulePatternTests {
    @Test(arguments: [
        ("q_proj", "model.layers.0.self_attn.q_proj", true), ("q_proj", "q_proj", true),
        ("q_proj", "model.xq_proj", false), ("proj", "q_proj", false),
        ("layers.0.self_attn.q_proj", "model.layers.0.self_attn.q_proj", true), ("layers.1", "model.layers.1", true),
        ("layers.1", "model.layersx1", true), (#"layers\.1"#, "model.layersx1", false),
        (#".*\.mlp\..*_proj"#, "model.layers.0.mlp.up_proj", true), (#"layers\.[0-3]\..*"#, "m.layers.3.a", true),
        (#"layers\.[0-3]\..*"#, "m.layers.4.a", false), (#"layers\.(1|12)\.mlp"#, "layers.12.mlp", true),
        (#"(?:a|b)+c?"#, "x.ababc", true), (#"(?:a|b)+c?"#, "x.ababcc", false), (#"\d{2}"#, "x.12", true),
        (#"\d{2}"#, "x.123", false), (#"\d{2,3}"#, "x.123", true), (#"\d{2,}"#, "x.12345", true),
        (#"[^.]+"#, "a.b", true), (#"[\w]+"#, "a.b_c", true), ("^q_proj", "q_proj", true),
        ("^q_proj", "model.q_proj", false), ("q_proj$", "model.q_proj", true), ("", "model.", true),
        ("", "model", false),
        (#"a*?b"#, "x.aaab", true), (#"\S+"#, "x.a b", false),
    ]) func matchesAsPythonDoes(_ key: String, _ path: String, _ expected: Bool) throws {
        let pattern = try #require(ModulePattern(key))
        #expect(pattern.matches(path) == expected)
    }

    @Test(arguments: [
        "(", ")", "[", "a**", "*a", "a{2", "a{3,2}", "(?=a)", "(?P<x>a)", #"\1"#, #"\b"#, "(?i)a", #"a\"#, "+",
        String(repeating: "(", count: 100), String(repeating: "a", count: 2000), "((a{99}){99}){99}",
    ]) func refusesWhatItDoesNotKnow(_ key: String) { #expect(ModulePattern(key) == nil) }

    /// A pattern that takes a backtracking matcher exponential time.
    @Test func isLinearInThePath() throws {
        let pattern = try #require(ModulePattern("(a|a)*(a|a)*(a|a)*b"))
        #expect(!pattern.matches(String(repeating: "a", count: 5000)))
    }
}
