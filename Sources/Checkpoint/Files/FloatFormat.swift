/// The floating-point formats that weights are stored in, and exact conversions between their bits and `Float`.
///
/// All conversions are plain integer and float arithmetic without branches on the value, so that the compiler can
/// vectorise loops over them on any CPU.
public enum FloatFormat: String, Sendable, CaseIterable {
    case float32
    case float16
    case bfloat16

    /// Bytes in one number.
    public var byteWidth: Int { self == .float32 ? 4 : 2 }

    /// The name that torch and transformers use (`"bfloat16"`), also with a leading `torch.`.
    public init?(torchName: String) {
        self.init(rawValue: torchName.hasPrefix("torch.") ? String(torchName.dropFirst(6)) : torchName)
    }

    /// `value` rounded to this format, to nearest with ties to even, as a `Float`.
    @inlinable public func rounded(_ value: Float) -> Float {
        switch self {
        case .float32: value
        case .bfloat16: BFloat16Bits.decode(BFloat16Bits.encode(value))
        case .float16: Float16Bits.rounded(value)
        }
    }
}

/// bfloat16: the upper half of a `Float`.
public enum BFloat16Bits {
    @inlinable public static func decode(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

    /// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
    @inlinable public static func encode(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let rounded = (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
        let quiet = (bits >> 16) | 0x40
        return UInt16(truncatingIfNeeded: (bits & 0x7FFF_FFFF) > 0x7F80_0000 ? quiet : rounded)
    }
}

/// IEEE 754 binary16 without the compiler's `Float16`, which is a library call per number on x86 without F16C.
public enum Float16Bits {
    @inlinable public static func decode(_ bits: UInt16) -> Float {
        let wide = UInt32(bits) << 16
        let sign = wide & 0x8000_0000
        let twice = wide &+ wide
        // Normal numbers, infinities and NaNs: rebias the exponent by a multiplication by 2^-112.
        let normal = Float(bitPattern: (twice >> 4) &+ (0xE0 << 23)) * 0x1p-112
        // Subnormal numbers: put the fraction under an exponent whose last place is 2^-24, take the one away.
        let subnormal = Float(bitPattern: (twice >> 17) | (126 << 23)) - 0.5
        return Float(bitPattern: sign | (twice < (1 << 27) ? subnormal.bitPattern : normal.bitPattern))
    }

    /// The bits of `value` rounded to binary16, to nearest with ties to even; a NaN stays a (quiet) NaN.
    @inlinable public static func encode(_ value: Float) -> UInt16 {
        let bits = rounded(value).bitPattern
        let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
        let magnitude = bits & 0x7FFF_FFFF
        // Exact, because the value is a binary16 number already: rebias normal numbers, count 2^-24 in smaller ones.
        let normal = UInt16(truncatingIfNeeded: (magnitude &- (112 << 23)) >> 13)
        let subnormal = UInt16(truncatingIfNeeded: (Float(bitPattern: magnitude) + 0.5).bitPattern)
        let special = UInt16(truncatingIfNeeded: 0x7C00 | (magnitude >> 13) & 0x3FF)
        return sign | (magnitude >= 0x7F80_0000 ? special : magnitude < 0x3880_0000 ? subnormal : normal)
    }

    /// `value` rounded to binary16, to nearest with ties to even; beyond 65504 it becomes infinite.
    @inlinable public static func rounded(_ value: Float) -> Float {
        let bits = value.bitPattern
        let sign = bits & 0x8000_0000
        let magnitude = bits & 0x7FFF_FFFF
        let normal = (magnitude &+ 0x0FFF &+ ((magnitude >> 13) & 1)) & ~0x1FFF
        // Below 2^-14 the last place is 2^-24, which is also that of numbers from 0.5 up to 1.
        let subnormal = ((Float(bitPattern: magnitude) + 0.5) - 0.5).bitPattern
        let finite = magnitude < 0x3880_0000 ? subnormal : normal
        let limited = finite >= 0x4780_0000 ? 0x7F80_0000 : finite
        let result = magnitude > 0x7F80_0000 ? magnitude | 0x0040_0000 : limited
        return Float(bitPattern: sign | result)
    }
}
