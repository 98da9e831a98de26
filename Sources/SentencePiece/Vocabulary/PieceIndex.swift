/// Finds pieces by their bytes: one flat open-addressing hash table of ids over the vocabulary's byte arena.
///
/// A slot holds the id and 32 bits of the hash, so that a miss rarely touches the arena. The table is at most half
/// full. Keys are read eight bytes at a time; both the arena and the texts searched end in ``padding`` spare bytes
/// so that such a read stays inside them. No String is made.
///
/// Complexity: building is linear in the pieces' bytes, a look-up in the key's bytes.
struct PieceIndex: Sendable {
    /// Spare bytes behind every text that is hashed.
    static let padding = 8

    /// `hash << 32 | id + 1`; 0 is a free slot.
    private var slots: [UInt64]
    private let mask: Int
    /// The longest key; anything longer is absent.
    private(set) var longest = 0

    /// An empty table for at most `capacity` keys.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
        mask = size - 1
    }

    /// Adds piece `id`.
    /// - Returns: the id of an equal piece that is there already, or nil.
    mutating func insert(_ id: Int, arena: Span<UInt8>, starts: Span<UInt32>) -> Int? {
        let range = Int(starts[id])..<Int(starts[id + 1])
        let hash = Self.hash(arena, range)
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash >> 32 {
                let other = Int(UInt32(truncatingIfNeeded: slots[slot])) - 1
                if Self.isEqual(arena, range, arena, Int(starts[other])..<Int(starts[other + 1])) { return other }
            }
            slot = (slot + 1) & mask
        }
        slots[slot] = (hash & 0xffff_ffff_0000_0000) | UInt64(id + 1)
        longest = max(longest, range.count)
        return nil
    }

    /// The id of the piece that equals `range` of `text`, or -1.
    /// - Precondition: ``padding`` bytes follow the range.
    @inline(__always)
    func find(_ text: Span<UInt8>, _ range: Range<Int>, arena: Span<UInt8>, starts: Span<UInt32>) -> Int32 {
        guard range.count <= longest else { return -1 }
        let hash = Self.hash(text, range)
        let slots = slots.span
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = slots[slot]
            if entry == 0 { return -1 }
            if entry >> 32 == hash >> 32 {
                let id = Int(UInt32(truncatingIfNeeded: entry)) - 1
                if Self.isEqual(text, range, arena, Int(starts[id])..<Int(starts[id + 1])) { return Int32(id) }
            }
            slot = (slot + 1) & mask
        }
    }

    /// Multiply-and-fold over eight-byte words, the last one masked to the range; the multiplier is wyhash's.
    @inline(__always)
    private static func hash(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var hash = UInt64(range.count) &* 0x9e37_79b9_7f4a_7c15
        var position = range.lowerBound
        while range.upperBound - position > 8 {
            hash = fold(hash ^ text.littleEndian64(at: position))
            position += 8
        }
        return fold(hash ^ lastWord(text, position, range.upperBound - position))
    }

    @inline(__always)
    private static func fold(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        return product.high ^ product.low
    }

    /// The `count` (0 to 8) bytes at `position`, zeros above them.
    @inline(__always)
    private static func lastWord(_ text: Span<UInt8>, _ position: Int, _ count: Int) -> UInt64 {
        count == 0 ? 0 : text.littleEndian64(at: position) & (UInt64.max >> UInt64(64 - 8 * count))
    }

    @inline(__always)
    private static func isEqual(
        _ left: Span<UInt8>, _ leftRange: Range<Int>, _ right: Span<UInt8>, _ rightRange: Range<Int>
    ) -> Bool {
        guard leftRange.count == rightRange.count else { return false }
        var offset = 0
        while leftRange.count - offset > 8 {
            if left.littleEndian64(at: leftRange.lowerBound + offset)
                != right.littleEndian64(at: rightRange.lowerBound + offset) { return false }
            offset += 8
        }
        let rest = leftRange.count - offset
        return lastWord(left, leftRange.lowerBound + offset, rest)
            == lastWord(right, rightRange.lowerBound + offset, rest)
    }
}
