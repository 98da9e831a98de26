import Testing

@testable import Checkpoint

/// The conversions against the compiler's own, over every bit pattern.
@Suite struct FloatFormatTests {
    @Test func everyFloat16DecodesAsTheCompilerDoes() {
        var wrong = 0
        for bits in UInt16.min...UInt16.max {
            let ours = Float16Bits.decode(bits)
            let theirs = Float(Float16(bitPattern: bits))
            if ours.bitPattern != theirs.bitPattern, !(ours.isNaN && theirs.isNaN) { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test func roundingToFloat16MatchesTheCompiler() {
        var wrong = 0
        // Every 997th bit pattern of Float reaches every exponent and 4.3 million values; then exact halfway points.
        for bits in stride(from: UInt32.min, to: UInt32.max - 1000, by: 997) {
            let value = Float(bitPattern: bits)
            if !Self.same(Float16Bits.rounded(value), Float(Float16(value))) { wrong += 1 }
        }
        for low in UInt16.min..<UInt16.max where Float16(bitPattern: low).isFinite {
            let a = Float(Float16(bitPattern: low))
            let halfway = Float(bitPattern: a.bitPattern + 0x1000)
            for value in [halfway, halfway.nextUp, halfway.nextDown] {
                if !Self.same(Float16Bits.rounded(value), Float(Float16(value))) { wrong += 1 }
            }
        }
        #expect(wrong == 0)
    }

    @Test func encodingToFloat16MatchesTheCompiler() {
        var wrong = 0
        for bits in stride(from: UInt32.min, to: UInt32.max - 1000, by: 997) {
            let value = Float(bitPattern: bits)
            let expected = Float16(value)
            let ours = Float16(bitPattern: Float16Bits.encode(value))
            if ours.bitPattern != expected.bitPattern, !(ours.isNaN && expected.isNaN) { wrong += 1 }
        }
        for bits in UInt16.min...UInt16.max where !Float16(bitPattern: bits).isNaN {
            if Float16Bits.encode(Float16Bits.decode(bits)) != bits { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test func bfloat16RoundsToNearestEven() {
        #expect(BFloat16Bits.encode(1) == 0x3F80)
        #expect(BFloat16Bits.encode(Float(bitPattern: 0x3F80_8000)) == 0x3F80)
        #expect(BFloat16Bits.encode(Float(bitPattern: 0x3F81_8000)) == 0x3F82)
        #expect(BFloat16Bits.encode(Float(bitPattern: 0x3F80_8001)) == 0x3F81)
        #expect(BFloat16Bits.encode(.greatestFiniteMagnitude) == 0x7F80)
        #expect(BFloat16Bits.decode(BFloat16Bits.encode(Float(bitPattern: 0x7F80_0001))).isNaN)
        #expect(BFloat16Bits.encode(-.infinity) == 0xFF80)
    }

    private static func same(_ left: Float, _ right: Float) -> Bool {
        left.bitPattern == right.bitPattern || (left.isNaN && right.isNaN)
    }
}
