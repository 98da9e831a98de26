import FileAccess
import Testing

@testable import Checkpoint

/// GGUF files against what the Python gguf package makes of them (Tests/oracle/checkpoint_gguf.py).
@Suite struct GGUFTests {
    private static func blocks() throws -> GGUFFile { try GGUFFile(path: Fixtures.path("gguf/blocks.gguf")) }

    @Test(arguments: ["f32", "f16", "bf16", "q8_0", "q8_0.bits", "q5_0", "q5_0.bits", "q4_k", "q6_k"])
    func decodesToTheSameBitsAsPython(_ name: String) throws {
        let expected = try SafetensorsFile(path: Fixtures.path("gguf/expected.safetensors"))
        let tensor = try #require(try Self.blocks()[tensor: name])
        let reference = try #require(expected[name])
        #expect(tensor.shape == reference.shape)
        #expect(try tensor.floats().map(\.bitPattern) == (try reference.floats()).map(\.bitPattern))
    }

    @Test func rowsDecodeAloneAsTheyDoTogether() throws {
        for name in ["f32", "q8_0", "q4_k", "q6_k"] {
            let tensor = try #require(try Self.blocks()[tensor: name])
            let all = try tensor.floats()
            for row in 0..<tensor.rows {
                var one = [Float](repeating: 0, count: tensor.columns)
                try one.withUnsafeMutableBufferPointer { try tensor.readFloats(rows: row..<row + 1, into: $0) }
                #expect(one == Array(all[row * tensor.columns..<(row + 1) * tensor.columns]))
            }
        }
    }

    @Test func anotherTypeIsRefusedByName() throws {
        let tensor = try #require(try Self.blocks()[tensor: "q4_0"])
        #expect(throws: GGUFError.unsupportedTensorType(tensor: "q4_0", type: .q4v0)) { try tensor.floats() }
        #expect("\(GGUFError.unsupportedTensorType(tensor: "q4_0", type: .q4v0))".contains("Q4_0"))
    }

    @Test func readsMetadata() throws {
        let file = try Self.blocks()
        #expect(file.version == 3)
        #expect(try file.integer("general.alignment") == 64)
        #expect(try file.stringIfPresent("general.architecture") == "test")
        #expect(try file.array("test.strings").strings() == ["a", "", "\u{2581} \u{1F600}"])
        #expect(try file.array("test.numbers").doubles() == [1, -2, 3])
        #expect(try file.boolIfPresent("test.flag") == true)
        #expect(try file.doubleIfPresent("test.float") == 0.5)
        #expect(try file.stringIfPresent("absent") == nil)
    }

    @Test func aWrongKeyIsNamed() throws {
        let file = try Self.blocks()
        let path = file.path
        #expect(throws: GGUFError.missingKey(path: path, key: "absent")) { try file.integer("absent") }
        #expect(throws: GGUFError.wrongKeyType(path: path, key: "test.flag", expected: "a whole number")) {
            try file.integer("test.flag")
        }
        #expect(throws: GGUFError.wrongKeyType(path: path, key: "test.numbers", expected: "an array of strings")) {
            try file.array("test.numbers").strings()
        }
        #expect(throws: GGUFError.wrongKeyType(path: path, key: "test.strings", expected: "an array of numbers")) {
            try file.array("test.strings").doubles()
        }
        #expect(throws: GGUFError.wrongKeyType(path: path, key: "test.flag", expected: "a string")) {
            try file.stringIfPresent("test.flag")
        }
        #expect(throws: GGUFError.file(.notFound(path: "/no/such.gguf"))) { try GGUFFile(path: "/no/such.gguf") }
    }

    /// The table of block sizes against the gguf package's: one wrong entry would misplace tensors.
    @Test func everyTypeHasTheSizesOfGGML() throws {
        let types = try #require(try Fixtures.json("gguf/types.json").array)
        #expect(types.count == GGUFTensorType.allCases.count)
        for entry in types {
            let fields = try #require(entry.object)
            let number = try #require(fields["number"]?.integer)
            let type = try #require(GGUFTensorType(rawValue: UInt32(number)))
            #expect(type.name == fields["name"]?.string)
            #expect(type.blockSize == fields["elements"]?.integer && type.blockBytes == fields["bytes"]?.integer)
        }
    }
}
