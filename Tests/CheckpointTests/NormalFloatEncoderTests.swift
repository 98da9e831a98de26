import Testing

@testable import Checkpoint

/// NF4 quantisation against bitsandbytes' own on a CPU (Tests/oracle/checkpoint_bitsandbytes.py): the same bytes.
@Suite struct NormalFloatEncoderTests {
    static let names = [
        "bfloat16", "float16", "float32", "spread", "zeros", "all-zeros", "tiny", "ties", "odd", "remainder",
        "odd-remainder", "one", "tiny-remainder", "many-blocks",
    ]

    private static func file() throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("checkpoint/encode.safetensors"))
    }

    @Test func everyCaseOfTheFixtureIsTested() throws {
        let inputs = try Self.file().tensors.map(\.name).filter { $0.hasPrefix("IN.") }
        #expect(Set(inputs) == Set(Self.names.map { "IN." + $0 }))
    }

    @Test(arguments: names) func givesTheBytesOfBitsandbytes(_ name: String) throws {
        let file = try Self.file()
        let input = try #require(file["IN." + name])
        let format = try #require(input.type.floatFormat)
        let encoder = NormalFloatEncoder()
        let values = try input.floats()

        var maxima: [Float] = []
        #expect(values.withUnsafeBufferPointer { encoder.blockMaxima($0, into: &maxima) })
        var codes = [UInt8](repeating: 0xFF, count: (values.count + 1) / 2)
        values.withUnsafeBufferPointer { values in
            codes.withUnsafeMutableBufferPointer { encoder.encode(values, into: $0) }
        }
        let scales = QuantizedScales(blockMaxima: maxima)

        #expect(codes == file[name]?.bytes())
        #expect(scales.codes == file[name + ".absmax"]?.bytes())
        #expect(scales.nestedMaxima == (try file[name + ".nested_absmax"]?.floats()))
        let state = scales.state(shape: input.shape, blockSize: 64, format: format)
        let expected = file[name + ".quant_state.bitsandbytes__nf4"]?.bytes() ?? []
        #expect(state == expected, "\(String(decoding: state, as: UTF8.self))")
    }

    @Test func theTablesAreThoseOfBitsandbytes() throws {
        let file = try Self.file()
        let map = try #require(try file["odd.nested_quant_map"]?.floats())
        #expect(DynamicMap.values.map(\.bitPattern) == map.map(\.bitPattern))
        #expect(FourBitKind.nf4.codebook == (try file["odd.quant_map"]?.floats()))
    }

    @Test func runsGiveTheSameAsTheWhole() throws {
        let values = try #require(try Self.file()["IN.many-blocks"]?.floats())
        let encoder = NormalFloatEncoder()
        var whole: [Float] = []
        var parts: [Float] = []
        var wholeCodes = [UInt8](repeating: 0, count: values.count / 2)
        var partCodes: [UInt8] = []
        values.withUnsafeBufferPointer { values in
            _ = encoder.blockMaxima(values, into: &whole)
            wholeCodes.withUnsafeMutableBufferPointer { encoder.encode(values, into: $0) }
            for start in stride(from: 0, to: values.count, by: 192) {
                let run = UnsafeBufferPointer(rebasing: values[start..<min(start + 192, values.count)])
                _ = encoder.blockMaxima(run, into: &parts)
                var codes = [UInt8](repeating: 0, count: run.count / 2)
                codes.withUnsafeMutableBufferPointer { encoder.encode(run, into: $0) }
                partCodes += codes
            }
        }
        #expect(whole == parts)
        #expect(wholeCodes == partCodes)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func valuesThatAreNotFiniteAreSeen(_ bad: Float) {
        for place in [0, 63, 64, 99] {
            var values = [Float](repeating: 1, count: 100)
            values[place] = bad
            var maxima: [Float] = []
            #expect(!values.withUnsafeBufferPointer { NormalFloatEncoder().blockMaxima($0, into: &maxima) })
        }
    }

    /// torch.mean of vectors of many lengths, over values that this repeats.
    @Test func meansAreThoseOfTorch() throws {
        let cases = try #require(try Fixtures.json("checkpoint/means.json").array)
        #expect(cases.count > 90)
        for entry in cases {
            let count = try #require(entry.object?["count"]?.integer)
            let expected = try #require(entry.object?["mean"]?.double)
            let values = (0..<count).map { index in
                let mixed = (index * 2_654_435_761 + 12345) % 4_294_967_296
                return Float(mixed >> 8) * 0x1p-26
            }
            #expect(TorchSum.mean(values) == Float(expected), "\(count) values")
        }
        #expect(TorchSum.mean([]) == 0)
    }
}
