/// Merges the characters of one chunk after another and collects the segments.
struct PairMerger {
    private(set) var segments: [Segment] = []
    private(set) var unusedSplitter = UnusedSplitter()

    /// The current chunk: its characters, and as merging goes on, what they were joined to.
    private var symbols: [Symbol] = []
    /// Chunks of at most so many characters are merged by scanning, longer ones with a heap.
    private let scanLimit: Int

    /// A part of the chunk.
    private struct Symbol {
        /// Where it starts in the text.
        var start: Int
        /// The piece it is, or ``notLookedUp``.
        var id = notLookedUp
        /// The piece that it and the next symbol join to, or -1.
        var pairID: Int32 = -1
        /// That piece's score in sortable form; 0 if they do not join.
        var pairKey: UInt32 = 0
        /// A USER_DEFINED piece, which joins with nothing.
        var isFrozen = false

        static let notLookedUp: Int32 = -2
    }

    init(scanLimit: Int, capacity: Int) {
        self.scanLimit = scanLimit
        segments.reserveCapacity(capacity)
        symbols.reserveCapacity(scanLimit + 1)
    }

    /// Characters of the chunk so far.
    var chunkLength: Int { symbols.count }

    /// Adds the character that starts at `start` to the chunk.
    @inline(__always)
    mutating func addCharacter(startingAt start: Int) { symbols.append(Symbol(start: start)) }

    /// Adds a USER_DEFINED piece.
    mutating func addFrozen(_ text: Span<UInt8>, _ vocabulary: Vocabulary, id: Int32, range: Range<Int>) {
        if vocabulary.hasUnused {
            // The order of merges across it matters to UnusedSplitter, so the chunk goes on.
            symbols.append(Symbol(start: range.lowerBound, id: id, isFrozen: true))
        } else {
            mergeChunk(text, vocabulary, endingAt: range.lowerBound)
            segments.append(Segment(end: range.upperBound, id: id))
        }
    }

    /// Merges the characters added since the last chunk, the last of which ends at `end`, and starts a new chunk.
    mutating func mergeChunk(_ text: Span<UInt8>, _ vocabulary: Vocabulary, endingAt end: Int) {
        guard !symbols.isEmpty else { return }
        if symbols.count <= scanLimit { scan(text, vocabulary, end) } else { drainHeap(text, vocabulary, end) }
        symbols.removeAll(keepingCapacity: true)
    }

    /// The segments up to `limit`, in bytes, that there would be if the text were cut at `end`.
    func segments(
        _ text: Span<UInt8>, _ vocabulary: Vocabulary, cutAt end: Int, until limit: Int
    ) -> [Segment] {
        var copy = self
        copy.mergeChunk(text, vocabulary, endingAt: end)
        return copy.segments.filter { $0.end <= limit }
    }

    /// A score as an unsigned integer of the same order; never 0 for a number.
    @inline(__always)
    private static func sortable(_ score: Float) -> UInt32 {
        let bits = score.bitPattern
        return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    }

    /// Repeatedly looks for the best pair; a symbol that was merged into its neighbour is taken out.
    private mutating func scan(_ text: Span<UInt8>, _ vocabulary: Vocabulary, _ end: Int) {
        symbols.append(Symbol(start: end))
        for index in 0..<symbols.count - 2 { lookUpPair(text, vocabulary, index) }
        while true {
            var bestKey: UInt32 = 0
            var best = 0
            for index in 0..<symbols.count where symbols[index].pairKey > bestKey {
                bestKey = symbols[index].pairKey
                best = index
            }
            guard bestKey > 0 else { break }
            symbols[best].id = symbols[best].pairID
            symbols.remove(at: best + 1)
            if best > 0 { lookUpPair(text, vocabulary, best - 1) }
            if best + 2 < symbols.count { lookUpPair(text, vocabulary, best) } else { symbols[best].pairKey = 0 }
        }
        for index in 0..<symbols.count - 1 {
            let next = symbols[index + 1].start
            var id = symbols[index].id
            if id == Symbol.notLookedUp { id = vocabulary.usableID(text, symbols[index].start..<next) }
            segments.append(Segment(end: next, id: id))
        }
    }

    /// Looks up what symbol `index` and the next one join to; the one behind them must exist.
    @inline(__always)
    private mutating func lookUpPair(_ text: Span<UInt8>, _ vocabulary: Vocabulary, _ index: Int) {
        let id = vocabulary.searchableID(text, symbols[index].start..<symbols[index + 2].start)
        symbols[index].pairID = id
        symbols[index].pairKey = id < 0 ? 0 : Self.sortable(vocabulary.scores[Int(id)])
    }

    /// A symbol's neighbours in a long chunk, where merged symbols stay in place with no bytes.
    private struct Link {
        var count: Int
        var previous: Int
        var next: Int
    }

    /// A pair that was seen: it is stale if the sizes no longer add up.
    private struct Candidate: Comparable {
        /// Score, then how far left: larger is better.
        let key: UInt64
        let left: Int
        let right: Int
        let size: Int
        let id: Int32

        @inline(__always)
        static func < (left: Candidate, right: Candidate) -> Bool { left.key < right.key }
    }

    /// Keeps all pairs in a heap; each merge adds at most two.
    private mutating func drainHeap(_ text: Span<UInt8>, _ vocabulary: Vocabulary, _ end: Int) {
        let count = symbols.count
        var links: [Link] = []
        links.reserveCapacity(count)
        for index in 0..<count {
            let next = index + 1 < count ? index + 1 : -1
            let upTo = next < 0 ? end : symbols[next].start
            links.append(Link(count: upTo - symbols[index].start, previous: index - 1, next: next))
        }
        var heap = MaximumHeap<Candidate>()
        for index in 0..<count - 1 {
            if let pair = candidate(text, vocabulary, links, index, index + 1) { heap.append(pair) }
        }
        heap.arrange()
        while let top = heap.popMaximum() {
            let left = top.left
            guard links[left].count > 0, links[top.right].count > 0,
                links[left].count + links[top.right].count == top.size
            else { continue }
            symbols[left].id = top.id
            let next = links[top.right].next
            links[left].count = top.size
            links[left].next = next
            if next >= 0 { links[next].previous = left }
            links[top.right].count = 0
            let previous = links[left].previous
            if previous >= 0, let pair = candidate(text, vocabulary, links, previous, left) { heap.push(pair) }
            if next >= 0, let pair = candidate(text, vocabulary, links, left, next) { heap.push(pair) }
        }
        var index = 0
        while index >= 0 {
            let range = symbols[index].start..<symbols[index].start + links[index].count
            var id = symbols[index].id
            if id == Symbol.notLookedUp { id = vocabulary.usableID(text, range) }
            segments.append(Segment(end: range.upperBound, id: id))
            index = links[index].next
        }
    }

    @inline(__always)
    private mutating func candidate(
        _ text: Span<UInt8>, _ vocabulary: Vocabulary, _ links: [Link], _ left: Int, _ right: Int
    ) -> Candidate? {
        let start = symbols[left].start
        let middle = symbols[right].start
        let end = middle + links[right].count
        guard !symbols[left].isFrozen, !symbols[right].isFrozen else { return nil }
        let id = vocabulary.searchableID(text, start..<end)
        guard id >= 0 else { return nil }
        if vocabulary.types[Int(id)] == .unused { unusedSplitter.record(id, leftCount: middle - start) }
        // Texts are below 4 GiB characters; beyond, places in equal order would still merge, only not leftmost first.
        let place = UInt64(UInt32.max - UInt32(truncatingIfNeeded: left))
        return Candidate(
            key: UInt64(Self.sortable(vocabulary.scores[Int(id)])) << 32 | place, left: left, right: right,
            size: end - start, id: id)
    }
}
