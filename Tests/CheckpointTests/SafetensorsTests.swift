import FileAccess
import TestSupport
import Testing

@testable import Checkpoint

/// Reading and writing safetensors files that are right; Tests/Fixtures/hostile has those that are not.
@Suite struct SafetensorsTests {
    @Test func readsWhatTorchSaved() throws {
        let file = try SafetensorsFile(path: Fixtures.path("gguf/gemma3-base/model.safetensors"))
        #expect(file.metadata == ["format": "pt"])
        let norm = try #require(file["model.norm.weight"])
        #expect(norm.type == .bf16 && norm.shape == [64] && norm.byteCount == 128)
        #expect(file["absent"] == nil)
    }

    /// Written again, a file that the reference implementation wrote has the same bytes: order, header, padding.
    @Test(arguments: [
        "gguf/gemma3-base/model.safetensors", "checkpoint/decode.safetensors", "gguf/expected.safetensors",
    ]) func writesTheBytesOfTheReference(_ name: String) throws {
        let path = Fixtures.path(name)
        let source = try SafetensorsFile(path: path)
        let folder = try TemporaryFolder()
        var writer = try FileWriter(creating: folder.path + "/copy")
        let contents = source.tensors.shuffled().map { tensor in
            SafetensorsContent<FileError>(name: tensor.name, type: tensor.type, shape: tensor.shape) {
                file throws(FileError) in try file.write(tensor.bytes())
            }
        }
        try SafetensorsWriter.write(
            contents, metadata: source.metadata.map { ($0.key, $0.value) }, to: &writer, wrapping: { $0 })
        _ = try writer.finish()
        let original = try MappedFile(path: path)
        #expect(try folder.bytes("copy") == original.bytes(0..<original.count))
    }

    @Test func convertsTheThreeFloatTypesAndNoOther() throws {
        let folder = try TemporaryFolder()
        let header = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F16","shape":[1],"#
            + #""data_offsets":[4,6]},"c":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]},"#
            + #""d":{"dtype":"I32","shape":[],"data_offsets":[8,12]}}"#
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> ($0 * 8)) }
        let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0x3C, 0x80, 0x3F, 7, 0, 0, 0]
        let path = try folder.write("x", length + Array(header.utf8) + data)
        let file = try SafetensorsFile(path: path)
        for name in ["a", "b", "c"] { #expect(try file[name]?.floats() == [1]) }
        let whole = try #require(file["d"])
        #expect(whole.rows == 1 && whole.columns == 1 && whole.elementCount == 1)
        #expect(throws: SafetensorsError.notFloatingPoint(tensor: "d", type: .i32)) { try whole.floats() }
        #expect(throws: SafetensorsError.file(.notFound(path: "/no/such"))) { try SafetensorsFile(path: "/no/such") }
        #expect(throws: SafetensorsError.file(.notARegularFile(path: folder.path))) {
            try SafetensorsFile(path: folder.path)
        }
    }
}
