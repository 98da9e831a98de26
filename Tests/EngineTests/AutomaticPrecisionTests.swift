import Foundation
import TestSupport
import Testing

@testable import Engine

/// `auto` takes only what is recorded to be precise enough.
@Suite struct AutomaticPrecisionTests {
    private func entry(_ precision: Precision, _ points: Double, limit: Int = 80) -> PrecisionRecord.Entry {
        PrecisionRecord.Entry(
            precision: precision, activationLimit: limit, messages: 2000, accuracyDifferencePoints: points,
            agreement: 0.99)
    }

    /// An adapter folder with weights of one's own.
    private func adapter(_ weights: String = "weights") throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write("adapter_model.safetensors", weights)
        return folder
    }

    private func choice(_ entries: [PrecisionRecord.Entry], limit: Int = 80) throws -> Precision {
        let folder = try adapter()
        let record = try PrecisionRecord(adapter: folder.path, entries: entries)
        return AutomaticPrecision(record, candidates: [.int8, .nf4, .bf16], activationLimit: limit).precision
    }

    @Test func takesTheFastestThatLosesNoMoreThanATenthOfAPoint() throws {
        #expect(try choice([entry(.int8, 0), entry(.nf4, 0)]) == .int8)
        #expect(try choice([entry(.int8, -0.1), entry(.nf4, 0)]) == .int8)
        #expect(try choice([entry(.int8, 0.5)]) == .int8)
        #expect(try choice([entry(.int8, -0.11), entry(.nf4, -0.05)]) == .nf4)
        #expect(try choice([entry(.int8, -2), entry(.nf4, -1), entry(.bf16, 0)]) == .bf16)
        #expect(try choice([entry(.int8, -2), entry(.nf4, -1), entry(.bf16, -0.2)]) == .f32)
    }

    @Test func whatWasNotMeasuredIsNotTaken() throws {
        #expect(try choice([]) == .f32)
        #expect(try choice([entry(.bf16, 0)]) == .bf16)
        // Finer integers than this processor's.
        #expect(try choice([entry(.int8, 0, limit: 127)]) == .f32)
        #expect(try choice([entry(.int8, 0, limit: 127)], limit: 127) == .int8)
    }

    @Test func coarserIntegersSpeakForFinerOnes() throws {
        #expect(try choice([entry(.int8, 0, limit: 80)], limit: 127) == .int8)
        #expect(try choice([entry(.int8, -1, limit: 80), entry(.nf4, 0, limit: 80)], limit: 127) == .nf4)
        // Their own measurement counts before that of coarser ones.
        #expect(try choice([entry(.int8, -1, limit: 80), entry(.int8, 0, limit: 127)], limit: 127) == .int8)
        #expect(try choice([entry(.int8, 0, limit: 80), entry(.int8, -1, limit: 127)], limit: 127) == .f32)
    }

    @Test func withoutARecordItIsF32() throws {
        let kernels = try KernelSet()
        let folder = try adapter()
        let none = try AutomaticPrecision(adapter: folder.path, isNF4: true, kernels: kernels)
        #expect(none.precision == .f32)
        #expect(none.reason.contains("no precision.json"))
        #expect(try AutomaticPrecision(adapter: nil, isNF4: true, kernels: kernels).precision == .f32)
    }

    @Test func aRecordOfOtherWeightsCountsForNothing() throws {
        let kernels = try KernelSet()
        let folder = try adapter()
        let good = entry(.int8, 0, limit: kernels.activationLimit)
        try PrecisionRecord(adapter: folder.path, entries: [good]).write(adapter: folder.path)
        let expected = AutomaticPrecision.candidates(kernels, isNF4: true).first ?? .f32
        #expect(try AutomaticPrecision(adapter: folder.path, isNF4: true, kernels: kernels).precision == expected)
        try folder.write("adapter_model.safetensors", "retrained")
        let stale = try AutomaticPrecision(adapter: folder.path, isNF4: true, kernels: kernels)
        #expect(stale.precision == .f32)
        #expect(stale.reason.contains("other weights"))
    }

    @Test func aBaseThatIsNotNF4DoesNotRunAsSuch() throws {
        let folder = try adapter()
        let kernels = try KernelSet()
        let entries = [Precision.nf4, .bf16].map { entry($0, 0, limit: kernels.activationLimit) }
        try PrecisionRecord(adapter: folder.path, entries: entries).write(adapter: folder.path)
        let isGeneric = AutomaticPrecision.candidates(kernels, isNF4: false).isEmpty
        for (isNF4, expected) in [(true, Precision.nf4), (false, .bf16)] {
            let automatic = try AutomaticPrecision(adapter: folder.path, isNF4: isNF4, kernels: kernels)
            #expect(automatic.precision == (isGeneric ? .f32 : expected))
        }
    }

    @Test func theGenericLevelStaysExact() throws {
        let folder = try adapter()
        let kernels = try KernelSet(forced: "generic")
        try PrecisionRecord(adapter: folder.path, entries: [entry(.int8, 0, limit: kernels.activationLimit)])
            .write(adapter: folder.path)
        let automatic = try AutomaticPrecision(adapter: folder.path, isNF4: true, kernels: kernels)
        #expect(automatic.precision == .f32)
        #expect(automatic.reason == "the kernels are generic: none is faster")
    }

    @Test func writingKeepsOtherKernelsMeasurementsOfTheSameWeights() throws {
        let folder = try adapter()
        func record(_ entries: [PrecisionRecord.Entry]) throws -> [PrecisionRecord.Entry] {
            try PrecisionRecord(adapter: folder.path, entries: entries).write(adapter: folder.path)
            return try #require(try PrecisionRecord(adapter: folder.path)).entries
        }
        #expect(try record([entry(.int8, -3)]) == [entry(.int8, -3)])
        #expect(try record([entry(.int8, 0, limit: 127)]) == [entry(.int8, -3), entry(.int8, 0, limit: 127)])
        #expect(try record([entry(.int8, 0)]) == [entry(.int8, 0), entry(.int8, 0, limit: 127)])
        try folder.write("adapter_model.safetensors", "retrained")
        #expect(try record([entry(.nf4, 0)]) == [entry(.nf4, 0)])
    }

    @Test(arguments: [
        ("{", "is not a record"), (#"{"format": 1}"#, "is not a record"),
        (#"{"format": 2, "weights": "", "entries": []}"#, "format 2 is not known"),
        (#"{"format": 1, "weights": "", "entries": [{"precision": "int3"}]}"#, "is not a record"),
        (
            #"{"format": 1, "weights": "", "entries": [{"precision": "int8", "activation_limit": 80, "messages": 0, "#
                + #""accuracy_difference_points": 0, "agreement": 1}]}"#, "entry without messages"
        ),
    ])
    func refusesABrokenRecord(_ text: String, _ reason: String) throws {
        let folder = try adapter()
        try folder.write("precision.json", text)
        let error = #expect(throws: EngineError.self) { try PrecisionRecord(adapter: folder.path) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
        #expect(error?.description.hasPrefix(folder.path) == true)
    }

    @Test func aFolderWithoutWeightsCannotBeRecorded() throws {
        let folder = try TemporaryFolder()
        #expect(throws: EngineError.self) { try PrecisionRecord(adapter: folder.path, entries: []) }
    }

    /// The shipped records are of the shipped weights, and `auto` is int8 on AVX2 by them.
    @Test(arguments: ["adapter", "adapter-fast"]) func theShippedAdaptersRunInInt8(_ adapter: String) throws {
        let folder = RepositoryPaths.models + "/" + adapter
        let record = try #require(try PrecisionRecord(adapter: folder))
        #expect(try record.isCurrent(adapter: folder), "run intentd evaluate --record again")
        #expect(AutomaticPrecision(record, candidates: [.int8], activationLimit: 80).precision == .int8)
    }
}
