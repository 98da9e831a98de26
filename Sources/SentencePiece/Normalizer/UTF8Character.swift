/// UTF-8 as SentencePiece reads it (`DecodeUTF8` and `OneCharLen` of its util.cc and util.h).
enum UTF8Character {
    /// U+FFFD, which stands for each byte that starts no well-formed character.
    static let replacement: [UInt8] = [0xef, 0xbf, 0xbd]
    /// U+2581, which stands for a space inside pieces.
    static let space: [UInt8] = [0xe2, 0x96, 0x81]

    /// How many bytes the character takes that starts with `byte`, going by that byte alone.
    @inline(__always)
    static func length(leadByte byte: UInt8) -> Int {
        byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    }

    /// How many bytes the well-formed character at `start` takes; 0 if there is none.
    ///
    /// Well-formed: no overlong form, no surrogate, nothing above U+10FFFF, complete before `end`.
    @inline(__always)
    static func wellFormedLength(_ text: Span<UInt8>, at start: Int, end: Int) -> Int {
        let first = UInt32(text[start])
        if first < 0x80 { return 1 }
        if first & 0xe0 == 0xc0 {
            guard end - start >= 2, let second = trail(text[start + 1]) else { return 0 }
            return (first & 0x1f) << 6 | second >= 0x80 ? 2 : 0
        }
        if first & 0xf0 == 0xe0 {
            guard end - start >= 3, let second = trail(text[start + 1]), let third = trail(text[start + 2])
            else { return 0 }
            let scalar = (first & 0x0f) << 12 | second << 6 | third
            return scalar >= 0x800 && !(0xd800..<0xe000).contains(scalar) ? 3 : 0
        }
        if first & 0xf8 == 0xf0 {
            guard end - start >= 4, let second = trail(text[start + 1]), let third = trail(text[start + 2]),
                let fourth = trail(text[start + 3])
            else { return 0 }
            let scalar = (first & 0x07) << 18 | second << 12 | third << 6 | fourth
            return (0x10000...0x10ffff).contains(scalar) ? 4 : 0
        }
        return 0
    }

    /// Whether the whole range is well-formed.
    static func isWellFormed(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            let length = wellFormedLength(text, at: position, end: range.upperBound)
            if length == 0 { return false }
            position += length
        }
        return true
    }

    @inline(__always)
    private static func trail(_ byte: UInt8) -> UInt32? {
        byte & 0xc0 == 0x80 ? UInt32(byte & 0x3f) : nil
    }
}
