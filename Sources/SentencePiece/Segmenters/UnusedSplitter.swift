/// Undoes merges that ended in UNUSED pieces.
///
/// While merging, the last split seen of every UNUSED piece is recorded, wherever in the text it was; afterwards each
/// UNUSED segment is split that way, again and again. Source: `rev_merge` and `resegment` of SentencePiece's
/// bpe_model.cc.
struct UnusedSplitter {
    /// Splits nested deeper than this are left as they are (`kMaxBpeResegmentDepth`).
    private static let depthLimit = 100

    /// For each UNUSED piece that was seen, how many of its bytes are the left part.
    private var leftCounts: [Int32: Int] = [:]

    mutating func record(_ id: Int32, leftCount: Int) { leftCounts[id] = leftCount }

    /// The segments, none of them UNUSED unless nested too deep.
    func split(_ segments: [Segment], _ text: Span<UInt8>, _ vocabulary: Vocabulary) -> [Segment] {
        var output: [Segment] = []
        output.reserveCapacity(segments.count)
        var pending: [(range: Range<Int>, depth: Int)] = []
        var start = 0
        for segment in segments {
            pending.append((start..<segment.end, 0))
            start = segment.end
            while let (range, depth) = pending.popLast() {
                let id = vocabulary.searchableID(text, range)
                if id >= 0, depth <= Self.depthLimit, vocabulary.types[Int(id)] == .unused,
                    let leftCount = leftCounts[id] {
                    let middle = range.lowerBound + leftCount
                    pending.append((middle..<range.upperBound, depth + 1))
                    pending.append((range.lowerBound..<middle, depth + 1))
                } else if id >= 0, vocabulary.types[Int(id)] == .unused, depth <= Self.depthLimit {
                    output.append(Segment(end: range.upperBound, id: vocabulary.unknownID))
                } else {
                    output.append(Segment(end: range.upperBound, id: id < 0 ? vocabulary.unknownID : id))
                }
            }
        }
        return output
    }
}
