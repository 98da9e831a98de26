/// Turns text into the form that pieces are written in: replacement rules, white space, the space mark.
///
/// The order of the steps, and what counts as a space at each, are those of `Normalizer::Normalize` in SentencePiece's
/// normalizer.cc.
struct Normalizer: Sendable {
    private let charsmap: Charsmap?
    /// The charsmap's replacements; empty without one.
    private let replacements: [UInt8]
    private let addsDummyPrefix: Bool
    private let removesExtraWhitespaces: Bool
    private let treatsWhitespaceAsSuffix: Bool
    /// What a space becomes: U+2581, or a space if they are not escaped.
    private let spaceMark: [UInt8]
    /// USER_DEFINED pieces, which no rule may touch.
    private let protected: PrefixMatcher?

    init(
        _ settings: NormalizerSettings, treatsWhitespaceAsSuffix: Bool, protected: PrefixMatcher?
    ) throws(SentencePieceError) {
        charsmap = settings.charsmap.isEmpty ? nil : try Charsmap(settings.charsmap)
        replacements = charsmap?.replacements ?? []
        addsDummyPrefix = settings.addsDummyPrefix
        removesExtraWhitespaces = settings.removesExtraWhitespaces
        self.treatsWhitespaceAsSuffix = treatsWhitespaceAsSuffix
        spaceMark = settings.escapesWhitespaces ? UTF8Character.space : [0x20]
        self.protected = protected.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Normalises `text`.
    /// - Parameter tracksOrigins: whether each byte's origin is recorded.
    func normalize(_ text: Span<UInt8>, tracksOrigins: Bool = false) -> NormalizedText {
        var output = NormalizedText(tracksOrigins: tracksOrigins, capacity: text.count * 3 / 2 + 8)
        guard text.count > 0 else {
            output.seal(origin: 0)
            return output
        }
        var position = 0
        if removesExtraWhitespaces {
            while position < text.count {
                let unit = unit(text, at: position)
                guard isSpace(unit, text) else { break }
                position += unit.consumed
            }
        }
        guard position < text.count else {
            output.seal(origin: position)
            return output
        }
        if addsDummyPrefix, !treatsWhitespaceAsSuffix { output.append(spaceMark, origin: position) }
        var followsSpace = removesExtraWhitespaces
        while position < text.count {
            let unit = unit(text, at: position)
            switch unit.source {
            case .text(let range): append(text, range, position, &followsSpace, &output)
            case .replacement(let range):
                append(replacements.span, range, position, &followsSpace, &output)
            case .malformed:
                output.append(UTF8Character.replacement, origin: position)
                followsSpace = false
            }
            position += unit.consumed
            if !removesExtraWhitespaces { followsSpace = false }
        }
        if removesExtraWhitespaces, let origin = output.removeTrailing(spaceMark) { position = origin }
        if addsDummyPrefix, treatsWhitespaceAsSuffix { output.append(spaceMark, origin: position) }
        output.seal(origin: position)
        return output
    }

    /// What one step over the text yields.
    private struct Unit {
        enum Source {
            /// A range of the text itself.
            case text(Range<Int>)
            /// A range of the charsmap's replacements.
            case replacement(Range<Int>)
            /// A byte that starts no character.
            case malformed
        }

        let source: Source
        /// How many bytes of the text it stands for.
        let consumed: Int
    }

    /// The longest protected piece, else the longest rule, else one character.
    @inline(__always)
    private func unit(_ text: Span<UInt8>, at start: Int) -> Unit {
        let end = text.count
        if let protected {
            let length = protected.match(text, from: start, to: end).length
            if length > 0 { return Unit(source: .text(start..<start + length), consumed: length) }
        }
        if let charsmap {
            let (length, from) = charsmap.match(text, from: start, to: end)
            if length > 0 {
                var to = from
                while replacements[to] != 0 { to += 1 }
                return Unit(source: .replacement(from..<to), consumed: length)
            }
        }
        let length = UTF8Character.wellFormedLength(text, at: start, end: end)
        if length == 0 { return Unit(source: .malformed, consumed: 1) }
        return Unit(source: .text(start..<start + length), consumed: length)
    }

    /// Whether the unit is exactly one space.
    private func isSpace(_ unit: Unit, _ text: Span<UInt8>) -> Bool {
        switch unit.source {
        case .text(let range): range.count == 1 && text[range.lowerBound] == 0x20
        case .replacement(let range): range.count == 1 && replacements[range.lowerBound] == 0x20
        case .malformed: false
        }
    }

    @inline(__always)
    private func append(
        _ source: Span<UInt8>, _ range: Range<Int>, _ origin: Int, _ followsSpace: inout Bool,
        _ output: inout NormalizedText
    ) {
        var position = range.lowerBound
        if followsSpace {
            while position < range.upperBound, source[position] == 0x20 { position += 1 }
        }
        // A unit of which nothing is left leaves the state as it was.
        guard position < range.upperBound else { return }
        while position < range.upperBound {
            let byte = source[position]
            if byte == 0x20 { output.append(spaceMark, origin: origin) } else { output.append(byte, origin: origin) }
            position += 1
        }
        followsSpace = source[range.upperBound - 1] == 0x20
    }
}
