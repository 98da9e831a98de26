/// Lays sorted keys out as a ``DoubleArrayTrie``.
///
/// Free units are kept in a circular list that covers the last ``window`` blocks of 256 units only; older free units
/// are given up, which bounds the search for a place and so makes building linear in the number of nodes. This is the
/// strategy of darts-clone's DoubleArrayBuilder.
struct DoubleArrayTrieBuilder {
    private static let blockSize: UInt32 = 256
    private static let window: UInt32 = 16
    /// What a unit that holds nothing reads as: no byte leads to it, because bit 31 is no part of a label.
    private static let nothing: UInt32 = 0x8000_0000

    private struct Slot {
        var previous: UInt32 = 0
        var next: UInt32 = 0
        /// A unit stands here.
        var isTaken = false
        /// Some unit's children start at this offset.
        var isOffset = false
    }

    private var units: [UInt32] = []
    private var slots: [Slot] = []
    /// The first free unit of the list, or the array's size if there is none.
    private var head: UInt32 = 0

    /// The keys in the order that ``build(_:arena:)`` wants.
    static func sorted(
        _ keys: [(range: Range<Int>, value: Int32)], arena: [UInt8]
    ) -> [(range: Range<Int>, value: Int32)] {
        keys.sorted { arena[$0.range].lexicographicallyPrecedes(arena[$1.range]) }
    }

    /// Builds the trie.
    /// - Parameters:
    ///   - keys: ranges of `arena` with their values, sorted by bytes, without duplicates, none empty, no NUL bytes.
    /// - Returns: nil if there are no keys, or so many that the offsets do not fit the layout.
    static func build(_ keys: [(range: Range<Int>, value: Int32)], arena: [UInt8]) -> DoubleArrayTrie? {
        guard !keys.isEmpty else { return nil }
        var builder = DoubleArrayTrieBuilder()
        guard builder.arrange(keys, arena: arena) else { return nil }
        return DoubleArrayTrie(validated: builder.units)
    }

    private mutating func arrange(_ keys: [(range: Range<Int>, value: Int32)], arena: [UInt8]) -> Bool {
        addBlock()
        take(0)
        units[0] = 0
        slots[0].isOffset = true
        // The children of unit `unit` are those of keys[begin..<end], which agree in their first `depth` bytes.
        var pending: [(unit: UInt32, begin: Int, end: Int, depth: Int)] = [(0, 0, keys.count, 0)]
        var labels: [(label: UInt8, begin: Int)] = []
        while let (unit, begin, end, depth) = pending.popLast() {
            labels.removeAll(keepingCapacity: true)
            var index = begin
            while index < end {
                let key = keys[index].range
                // A key that ends here sorts first; its value hangs below label 0.
                let label = key.count == depth ? 0 : arena[key.lowerBound + depth]
                labels.append((label, index))
                if label == 0 { index += 1 } else {
                    index = Self.endOfRun(keys, arena, label, index, end, depth)
                }
            }
            guard let offset = place(labels, below: unit) else { return false }
            for (order, (label, first)) in labels.enumerated() {
                let child = offset ^ UInt32(label)
                if label == 0 {
                    units[Int(unit)] |= 0x100
                    units[Int(child)] = UInt32(keys[first].value) | 0x8000_0000
                } else {
                    units[Int(child)] = UInt32(label)
                    let last = order + 1 < labels.count ? labels[order + 1].begin : end
                    pending.append((child, first, last, depth + 1))
                }
            }
        }
        return true
    }

    /// The first key from `start` on whose byte at `depth` is not `label`, found by doubling and halving.
    private static func endOfRun(
        _ keys: [(range: Range<Int>, value: Int32)], _ arena: [UInt8], _ label: UInt8, _ start: Int, _ end: Int,
        _ depth: Int
    ) -> Int {
        var step = 1
        var low = start
        while low + step < end, arena[keys[low + step].range.lowerBound + depth] == label {
            low += step
            step *= 2
        }
        var high = min(low + step, end)
        while high - low > 1 {
            let middle = (low + high) / 2
            if arena[keys[middle].range.lowerBound + depth] == label { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// Finds and takes room for the children of `unit`, and writes the offset into it.
    private mutating func place(_ labels: [(label: UInt8, begin: Int)], below unit: UInt32) -> UInt32? {
        let offset = findOffset(labels, below: unit)
        let relative = unit ^ offset
        guard relative < 1 << 29 else { return nil }
        while Int(offset) >= units.count { addBlock() }
        units[Int(unit)] |= relative < 1 << 21 ? relative << 10 : relative << 2 | 0x200
        slots[Int(offset)].isOffset = true
        for (label, _) in labels { take(offset ^ UInt32(label)) }
        return offset
    }

    private func findOffset(_ labels: [(label: UInt8, begin: Int)], below unit: UInt32) -> UInt32 {
        let size = UInt32(units.count)
        if head < size {
            var free = head
            repeat {
                let offset = free ^ UInt32(labels[0].label)
                if fits(labels, at: offset, below: unit) { return offset }
                free = slots[Int(free)].next
            } while free != head
        }
        // A new block: its start differs from the unit in high bits only if the low ones are copied.
        return size | (unit & 0xff)
    }

    private func fits(_ labels: [(label: UInt8, begin: Int)], at offset: UInt32, below unit: UInt32) -> Bool {
        guard !slots[Int(offset)].isOffset else { return false }
        let relative = unit ^ offset
        // The layout stores either 21 bits, or 29 bits of which the lowest eight are zero.
        guard relative & 0xff == 0 || relative < 1 << 21 else { return false }
        for (label, _) in labels where slots[Int(offset ^ UInt32(label))].isTaken { return false }
        return true
    }

    private mutating func addBlock() {
        let start = UInt32(units.count)
        let end = start + Self.blockSize
        units.append(contentsOf: repeatElement(Self.nothing, count: Int(Self.blockSize)))
        slots.append(contentsOf: repeatElement(Slot(), count: Int(Self.blockSize)))
        if head >= start { head = start } // The list was empty.
        let first = head
        let last = first == start ? end - 1 : slots[Int(first)].previous
        for unit in start..<end {
            slots[Int(unit)].previous = unit == start ? last : unit - 1
            slots[Int(unit)].next = unit + 1 == end ? first : unit + 1
        }
        if first != start {
            slots[Int(last)].next = start
            slots[Int(first)].previous = end - 1
        }
        // Free units of the block that leaves the window are given up.
        let blocks = end / Self.blockSize
        if blocks > Self.window {
            let old = (blocks - Self.window - 1) * Self.blockSize
            for unit in old..<old + Self.blockSize where !slots[Int(unit)].isTaken { take(unit) }
        }
    }

    private mutating func take(_ unit: UInt32) {
        while Int(unit) >= units.count { addBlock() }
        let slot = slots[Int(unit)]
        if unit == head { head = slot.next == unit ? UInt32(units.count) : slot.next }
        slots[Int(slot.previous)].next = slot.next
        slots[Int(slot.next)].previous = slot.previous
        slots[Int(unit)].isTaken = true
    }
}
