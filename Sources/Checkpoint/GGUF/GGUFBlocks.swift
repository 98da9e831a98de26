/// Decodes ggml's block formats to f32.
///
/// Sources: the `block_*` structures and `dequantize_row_*` of ggml, and `gguf/quants.py`, whose order of
/// operations is kept: every product and difference is rounded to f32 by itself.
enum GGUFBlocks {
    /// Decodes whole blocks.
    /// - Parameters:
    ///   - source: blocks of `type`, one after the other; need not be aligned.
    ///   - type: one of ``GGUFTensorType/decodable``.
    ///   - destination: room for every element of `source`.
    static func decode(
        _ source: UnsafeRawBufferPointer, _ type: GGUFTensorType, into destination: UnsafeMutableBufferPointer<Float>
    ) {
        let blocks = source.count / type.blockBytes
        precondition(destination.count >= blocks * type.blockSize, "the destination is too small")
        guard blocks > 0, let input = source.baseAddress, let output = destination.baseAddress else { return }
        switch type {
        case .f32: FloatFormat.float32.decode(source, into: destination)
        case .f16: FloatFormat.float16.decode(source, into: destination)
        case .bf16: FloatFormat.bfloat16.decode(source, into: destination)
        case .q8v0: for block in 0..<blocks { q8v0(input + block * 34, output + block * 32) }
        case .q5v0: for block in 0..<blocks { q5v0(input + block * 22, output + block * 32) }
        case .q4k: for block in 0..<blocks { q4k(input + block * 144, output + block * 256) }
        case .q6k: for block in 0..<blocks { q6k(input + block * 210, output + block * 256) }
        default: preconditionFailure("not a decodable type")
        }
    }

    private typealias Input = UnsafeRawPointer
    private typealias Output = UnsafeMutablePointer<Float>

    /// f16 scale, 32 signed bytes.
    private static func q8v0(_ block: Input, _ output: Output) {
        let scale = half(block)
        for index in 0..<32 {
            output[index] = Float(block.load(fromByteOffset: 2 + index, as: Int8.self)) * scale
        }
    }

    /// f16 scale, 32 fifth bits, 16 bytes: elements 0..<16 in the low nibbles, 16..<32 in the high ones.
    private static func q5v0(_ block: Input, _ output: Output) {
        let scale = half(block)
        let high = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
        for index in 0..<16 {
            let pair = block.load(fromByteOffset: 6 + index, as: UInt8.self)
            let first = Int32(pair & 15) | Int32((high >> UInt32(index)) & 1) << 4
            let second = Int32(pair >> 4) | Int32((high >> UInt32(index + 16)) & 1) << 4
            output[index] = scale * Float(first - 16)
            output[index + 16] = scale * Float(second - 16)
        }
    }

    /// f16 scale of scales, f16 scale of minima, eight 6-bit scales and minima in 12 bytes, 128 bytes of nibbles.
    private static func q4k(_ block: Input, _ output: Output) {
        let scale = half(block)
        let minimum = half(block + 2)
        for part in 0..<8 {
            let factor: UInt8
            let offset: UInt8
            let low = block.load(fromByteOffset: 4 + part % 4, as: UInt8.self)
            let middle = block.load(fromByteOffset: 8 + part % 4, as: UInt8.self)
            if part < 4 {
                factor = low & 63
                offset = middle & 63
            } else {
                let high = block.load(fromByteOffset: 12 + part % 4, as: UInt8.self)
                factor = (high & 15) | ((low >> 2) & 48)
                offset = (high >> 4) | ((middle >> 2) & 48)
            }
            let d = scale * Float(factor)
            let m = minimum * Float(offset)
            let codes = block + 16 + part / 2 * 32
            let target = output + part * 32
            let shift = UInt8(part % 2 * 4)
            for index in 0..<32 {
                let code = (codes.load(fromByteOffset: index, as: UInt8.self) >> shift) & 15
                let product = d * Float(code)
                target[index] = product - m
            }
        }
    }

    /// 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, f16 scale of scales.
    private static func q6k(_ block: Input, _ output: Output) {
        let scale = half(block + 208)
        for half in 0..<2 {
            for part in 0..<4 {
                let low = block + half * 64 + part % 2 * 32
                let high = block + 128 + half * 32
                let target = output + half * 128 + part * 32
                let nibble = UInt8(part / 2 * 4)
                let pair = UInt8(part * 2)
                for run in 0..<2 {
                    let place = 192 + half * 8 + part * 2 + run
                    let d = scale * Float(block.load(fromByteOffset: place, as: Int8.self))
                    for index in run * 16..<run * 16 + 16 {
                        let lower = (low.load(fromByteOffset: index, as: UInt8.self) >> nibble) & 15
                        let upper = (high.load(fromByteOffset: index, as: UInt8.self) >> pair) & 3
                        target[index] = d * Float(Int32(lower | upper << 4) - 32)
                    }
                }
            }
        }
    }

    private static func half(_ address: Input) -> Float {
        Float16Bits.decode(UInt16(littleEndian: address.loadUnaligned(as: UInt16.self)))
    }
}
