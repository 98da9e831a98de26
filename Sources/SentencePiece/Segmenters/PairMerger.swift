/// Merges the characters of one chunk after another and collects the segments.
///
/// Symbols are numbered by their place in the chunk; a merge keeps the left one's number.
struct PairMerger {
    private let vocabulary: Vocabulary
    private let scanLimit: Int
    private(set) var unusedSplitter = UnusedSplitter()
    var segments: [Segment] = []

    /// Where each symbol of the current chunk starts.
    private var starts: [Int] = []
    /// The piece that the pair (symbol, next symbol) joins to, or -1.
    private var pairIDs: [Int32] = []
    /// The pair's score in sortable form; 0 if they do not join.
    private var pairKeys: [UInt32] = []
    /// The piece that the symbol is, or -2 if not yet looked up.
    private var symbolIDs: [Int32] = []
    /// The symbols of the current chunk that merge with nothing.
    private var frozen: Set<Int> = []
    private static let notLookedUp: Int32 = -2

    init(_ vocabulary: Vocabulary, scanLimit: Int) {
        self.vocabulary = vocabulary
        self.scanLimit = scanLimit
    }

    /// Adds the character that starts at `start` to the chunk.
    @inline(__always)
    mutating func addCharacter(startingAt start: Int) { starts.append(start) }

    /// Adds a USER_DEFINED piece, which merges with nothing.
    mutating func addFrozen(_ text: Span<UInt8>, id: Int32, range: Range<Int>) {
        if vocabulary.hasUnused {
            // The order of merges across it matters to UnusedSplitter, so the chunk goes on.
            frozen.insert(starts.count)
            starts.append(range.lowerBound)
        } else {
            mergeChunk(text, endingAt: range.lowerBound)
            segments.append(Segment(end: range.upperBound, id: id))
        }
    }

    /// Merges the characters added since the last chunk, the last of which ends at `end`, and starts a new chunk.
    mutating func mergeChunk(_ text: Span<UInt8>, endingAt end: Int) {
        guard !starts.isEmpty else { return }
        if starts.count <= scanLimit, !vocabulary.hasUnused {
            scan(text, end)
        } else {
            drainHeap(text, end)
        }
        starts.removeAll(keepingCapacity: true)
        frozen.removeAll(keepingCapacity: true)
    }

    /// A score as an unsigned integer of the same order; never 0 for a number.
    @inline(__always)
    private static func sortable(_ score: Float) -> UInt32 {
        let bits = score.bitPattern
        return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    }

    /// Repeatedly looks for the best pair; symbols that were merged are taken out of the arrays.
    private mutating func scan(_ text: Span<UInt8>, _ end: Int) {
        var count = starts.count
        starts.append(end)
        symbolIDs.removeAll(keepingCapacity: true)
        pairIDs.removeAll(keepingCapacity: true)
        pairKeys.removeAll(keepingCapacity: true)
        for index in 0..<count {
            symbolIDs.append(Self.notLookedUp)
            let id = index + 1 < count ? vocabulary.searchableID(text, starts[index]..<starts[index + 2]) : -1
            pairIDs.append(id)
            pairKeys.append(id < 0 ? 0 : Self.sortable(vocabulary.scores[Int(id)]))
        }
        while true {
            var bestKey: UInt32 = 0
            var best = 0
            for index in 0..<count where pairKeys[index] > bestKey {
                bestKey = pairKeys[index]
                best = index
            }
            guard bestKey > 0 else { break }
            symbolIDs[best] = pairIDs[best]
            starts.remove(at: best + 1)
            symbolIDs.remove(at: best + 1)
            pairIDs.remove(at: best + 1)
            pairKeys.remove(at: best + 1)
            count -= 1
            if best > 0 { lookUpPair(text, best - 1) }
            if best + 1 < count {
                lookUpPair(text, best)
            } else {
                pairKeys[best] = 0
            }
        }
        for index in 0..<count {
            var id = symbolIDs[index]
            if id == Self.notLookedUp { id = vocabulary.usableID(text, starts[index]..<starts[index + 1]) }
            segments.append(Segment(end: starts[index + 1], id: id))
        }
    }

    @inline(__always)
    private mutating func lookUpPair(_ text: Span<UInt8>, _ index: Int) {
        let id = vocabulary.searchableID(text, starts[index]..<starts[index + 2])
        pairIDs[index] = id
        pairKeys[index] = id < 0 ? 0 : Self.sortable(vocabulary.scores[Int(id)])
    }

    /// A symbol of a long chunk: a link of a chain over the text. Merged-away symbols have no bytes.
    private struct Symbol {
        var start: Int
        var count: Int
        var previous: Int
        var next: Int
        var id: Int32
    }

    /// A pair that was seen: it is stale if the sizes no longer add up.
    private struct Candidate {
        /// Score, then how far left: larger is better.
        let key: UInt64
        let right: Int
        let size: Int
        let id: Int32

        var left: Int { Int(UInt32.max - UInt32(truncatingIfNeeded: key)) }
    }

    /// Keeps all pairs in a heap; each merge adds at most two.
    private mutating func drainHeap(_ text: Span<UInt8>, _ end: Int) {
        let count = starts.count
        var symbols: [Symbol] = []
        symbols.reserveCapacity(count)
        for index in 0..<count {
            let next = index + 1 < count ? starts[index + 1] : end
            symbols.append(
                Symbol(
                    start: starts[index], count: next - starts[index], previous: index - 1,
                    next: index + 1 < count ? index + 1 : -1, id: Self.notLookedUp))
        }
        var heap = MaximumHeap<Candidate>(by: \.key)
        for index in 0..<count - 1 {
            if let pair = candidate(text, symbols, index, index + 1) { heap.append(pair) }
        }
        heap.arrange()
        while let top = heap.popMaximum() {
            let left = top.left
            let leftCount = symbols[left].count
            let rightCount = symbols[top.right].count
            guard leftCount > 0, rightCount > 0, leftCount + rightCount == top.size else { continue }
            symbols[left].count = top.size
            symbols[left].id = top.id
            let next = symbols[top.right].next
            symbols[left].next = next
            if next >= 0 { symbols[next].previous = left }
            symbols[top.right].count = 0
            if symbols[left].previous >= 0, let pair = candidate(text, symbols, symbols[left].previous, left) {
                heap.push(pair)
            }
            if next >= 0, let pair = candidate(text, symbols, left, next) { heap.push(pair) }
        }
        var index = 0
        while index >= 0 {
            let symbol = symbols[index]
            let range = symbol.start..<symbol.start + symbol.count
            var id = symbol.id
            if id == Self.notLookedUp {
                id = vocabulary.searchableID(text, range)
                if id < 0 { id = vocabulary.unknownID }
            }
            segments.append(Segment(end: range.upperBound, id: id))
            index = symbol.next
        }
    }

    @inline(__always)
    private mutating func candidate(_ text: Span<UInt8>, _ symbols: [Symbol], _ left: Int, _ right: Int) -> Candidate? {
        let start = symbols[left].start
        let middle = symbols[right].start
        let end = middle + symbols[right].count
        let id = vocabulary.searchableID(text, start..<end)
        guard id >= 0, frozen.isEmpty || !(frozen.contains(left) || frozen.contains(right)) else { return nil }
        if vocabulary.types[Int(id)] == .unused { unusedSplitter.record(id, leftCount: middle - start) }
        let key = UInt64(Self.sortable(vocabulary.scores[Int(id)])) << 32 | UInt64(UInt32.max - UInt32(left))
        return Candidate(key: key, right: right, size: end - start, id: id)
    }
}
