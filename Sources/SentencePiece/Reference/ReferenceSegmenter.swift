/// Plain twins of the BPE and unigram segmenters, written to be read and checked, not to be fast: dictionaries and
/// arrays of pieces, quadratic time. Tests hold the fast ones equal to them.
struct ReferenceSegmenter {
    private typealias Piece = ArraySlice<UInt8>

    private let vocabulary: Vocabulary
    /// NORMAL, USER_DEFINED and UNUSED pieces.
    private var ids: [[UInt8]: Int32] = [:]
    private var longest = 0

    init(_ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        for id in 0..<vocabulary.count where vocabulary.types[id].isSearchable {
            ids[Array(vocabulary.bytes(id))] = Int32(id)
            longest = max(longest, vocabulary.range(id).count)
        }
    }

    private func id(_ piece: Piece) -> Int32? { ids[Array(piece)] }

    private func isUnused(_ id: Int32) -> Bool { vocabulary.types[Int(id)] == .unused }

    /// The longest USER_DEFINED piece that `text` starts with.
    private func userDefinedPrefix(_ text: Piece) -> Piece? {
        for count in stride(from: min(longest, text.count), through: 1, by: -1) {
            if let id = id(text.prefix(count)), vocabulary.types[Int(id)] == .userDefined { return text.prefix(count) }
        }
        return nil
    }

    // MARK: Byte pair encoding

    /// The text's segments: scan all pairs, merge the best, start again.
    func bytePairSegments(_ text: [UInt8]) -> [Segment] {
        var symbols: [(piece: Piece, isFrozen: Bool)] = []
        var rest = text[...]
        while let first = rest.first {
            let frozen = userDefinedPrefix(rest)
            let piece = frozen ?? rest.prefix(UTF8Character.length(leadByte: first))
            symbols.append((piece, frozen != nil))
            rest = rest.dropFirst(piece.count)
        }
        // How the UNUSED pieces that were seen fall apart again.
        var splits: [[UInt8]: Int] = [:]
        func pair(_ left: Int) -> (id: Int32, score: Float)? {
            guard left >= 0, left + 1 < symbols.count, !symbols[left].isFrozen, !symbols[left + 1].isFrozen else {
                return nil
            }
            let joined = text[symbols[left].piece.startIndex..<symbols[left + 1].piece.endIndex]
            guard let id = id(joined) else { return nil }
            if isUnused(id) { splits[Array(joined)] = symbols[left].piece.count }
            return (id, vocabulary.scores[Int(id)])
        }
        var pairs = symbols.indices.map(pair)
        while true {
            var best: (place: Int, score: Float)?
            for (place, candidate) in pairs.enumerated() {
                if let candidate, best == nil || isAbove(candidate.score, best?.score ?? 0) {
                    best = (place, candidate.score)
                }
            }
            guard let place = best?.place else { break }
            symbols[place].piece = text[symbols[place].piece.startIndex..<symbols[place + 1].piece.endIndex]
            symbols.remove(at: place + 1)
            pairs.remove(at: place + 1)
            if place > 0 { pairs[place - 1] = pair(place - 1) }
            pairs[place] = pair(place)
        }
        var segments: [Segment] = []
        for symbol in symbols { appendSplit(symbol.piece, splits, depth: 0, to: &segments) }
        return segments
    }

    /// Scores compare as numbers, except that 0 is above -0.
    private func isAbove(_ left: Float, _ right: Float) -> Bool {
        left == right ? left.sign == .plus && right.sign == .minus : left > right
    }

    private func appendSplit(_ piece: Piece, _ splits: [[UInt8]: Int], depth: Int, to segments: inout [Segment]) {
        guard let id = id(piece) else {
            segments.append(Segment(end: piece.endIndex, id: vocabulary.unknownID))
            return
        }
        guard isUnused(id), depth <= 100 else {
            segments.append(Segment(end: piece.endIndex, id: id))
            return
        }
        guard let leftCount = splits[Array(piece)] else {
            segments.append(Segment(end: piece.endIndex, id: vocabulary.unknownID))
            return
        }
        appendSplit(piece.prefix(leftCount), splits, depth: depth + 1, to: &segments)
        appendSplit(piece.dropFirst(leftCount), splits, depth: depth + 1, to: &segments)
    }

    // MARK: Unigram

    /// The text's segments: try every piece at every character, keep the best path to each place.
    func unigramSegments(_ text: [UInt8]) -> [Segment] {
        let lowest = zip(vocabulary.types, vocabulary.scores).filter { $0.0 == .normal }.map(\.1).min()
        let unknownScore = (lowest ?? .greatestFiniteMagnitude) - UnigramSegmenter.unknownPenalty
        var paths = [(score: Float, start: Int, id: Int32)?](repeating: nil, count: text.count + 1)
        paths[0] = (0, 0, -1)
        func offer(_ end: Int, _ score: Float, _ start: Int, _ id: Int32) {
            if let path = paths[end], path.score >= score { return }
            paths[end] = (score, start, id)
        }
        var start = 0
        while start < text.count {
            if let score = paths[start]?.score, abs(score) > UnigramSegmenter.scoreLimit {
                for place in start...text.count { paths[place]?.score -= score }
            }
            let here = paths[start]?.score ?? 0
            let character = min(UTF8Character.length(leadByte: text[start]), text.count - start)
            var coversCharacter = false
            for count in 1...max(1, min(longest, text.count - start)) {
                guard let id = id(text[start..<min(start + count, text.count)]), !isUnused(id) else { continue }
                let score =
                    vocabulary.types[Int(id)] == .userDefined
                    ? UnigramSegmenter.userDefinedScore(length: count) : vocabulary.scores[Int(id)]
                offer(start + count, score + here, start, id)
                if count == character { coversCharacter = true }
            }
            if !coversCharacter { offer(start + character, unknownScore + here, start, vocabulary.unknownID) }
            start += character
        }
        var segments: [Segment] = []
        var end = text.count
        while end > 0, let path = paths[end] {
            segments.append(Segment(end: end, id: path.id))
            end = path.start
        }
        return segments.reversed()
    }
}
