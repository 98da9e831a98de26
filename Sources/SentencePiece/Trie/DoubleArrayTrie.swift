/// A read-only trie over byte strings in the double-array layout of darts-clone.
///
/// A unit is 32 bits. Of an inner unit, bits 0...7 are the label on the edge that leads to it, bit 8 tells whether a
/// value hangs below it, and bits 9...30 give the offset to its children (bit 9 set: the offset is in units of 256).
/// The child of unit `u` for byte `b` is `u ^ offset(u) ^ b`. Of a value unit, bit 31 is set and the rest is the value.
/// Source: darts-clone's darts.h (DoubleArrayUnit), the layout of SentencePiece's precompiled charsmaps.
struct DoubleArrayTrie: Sendable {
    let units: [UInt32]

    /// A state while walking down from the root: where the children of the prefix read so far are.
    struct Cursor {
        fileprivate(set) var base: UInt32
    }

    /// Units that are known to lead nowhere outside the array: built here, or checked by ``Charsmap``.
    init(validated units: [UInt32]) { self.units = units }

    /// The state before the first byte.
    @inline(__always)
    static func root(_ units: Span<UInt32>) -> Cursor { Cursor(base: units[0].childOffset) }

    /// Follows `byte`.
    /// - Returns: false if no key continues so; otherwise the cursor has moved and `value` is the value of the key that
    ///   ends here, or -1.
    @inline(__always)
    static func step(_ cursor: inout Cursor, _ byte: UInt8, _ value: inout Int32, _ units: Span<UInt32>) -> Bool {
        let node = cursor.base ^ UInt32(byte)
        let unit = units[Int(node)]
        guard unit & 0x8000_00ff == UInt32(byte) else { return false }
        cursor.base = node ^ unit.childOffset
        value = unit & 0x100 == 0 ? -1 : Int32(truncatingIfNeeded: units[Int(cursor.base)] & 0x7fff_ffff)
        return true
    }

    /// The longest of the first `limit` keys, in order of length, that are prefixes of `text` from `start` on.
    /// - Returns: the key's length and value; length 0 if there is none.
    @inline(__always)
    func longestPrefix(_ text: Span<UInt8>, from start: Int, to end: Int, limit: Int) -> (length: Int, value: Int32) {
        let units = units.span
        var cursor = Self.root(units)
        var best = (length: 0, value: Int32(-1))
        var found = 0
        var position = start
        var value: Int32 = -1
        while position < end, Self.step(&cursor, text[position], &value, units) {
            position += 1
            if value >= 0 {
                best = (position - start, value)
                found += 1
                if found == limit { break }
            }
        }
        return best
    }
}

extension UInt32 {
    /// The offset from a unit to its children.
    @inline(__always)
    var childOffset: UInt32 { (self >> 10) << ((self & 0x200) >> 6) }
}
