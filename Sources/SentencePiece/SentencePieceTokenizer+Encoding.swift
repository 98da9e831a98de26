extension SentencePieceTokenizer {
    /// The text's token ids, without any mark before or behind.
    ///
    /// Complexity: close to linear in the text's length, also if it is one long word.
    public func encode(_ text: String) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(bytes: $0) }
    }

    /// The first `limit` of the text's token ids, or all if there are no more.
    ///
    /// Complexity: with byte pair encoding and byte fallback, what lies behind the words that give these ids is
    /// normalised only, not split. Other models decide from the whole text, and take the time of ``encode(_:)``.
    ///
    /// In a word of thousands of characters the text is taken to have no influence further back than a kilobyte.
    public func encode(_ text: String, limit: Int) -> [Int32] {
        guard limit > 0 else { return [] }
        var text = text
        return Array(text.withUTF8 { encode(Span(_unsafeElements: $0), limit: limit) }.prefix(limit))
    }

    /// The token ids of text that may not be UTF-8: each byte that starts no well-formed character counts as U+FFFD.
    public func encode(bytes: UnsafeBufferPointer<UInt8>) -> [Int32] {
        encode(Span(_unsafeElements: bytes))
    }

    /// The token ids of text that may not be UTF-8: each byte that starts no well-formed character counts as U+FFFD.
    public func encode(bytes: some Collection<UInt8>) -> [Int32] {
        encode(Array(bytes).span)
    }

    /// The text's tokens with the bytes of the text (its UTF-8 form) that each stands for.
    ///
    /// Ids are those of ``encode(_:)``. A run of unknown text without byte fallback is one token.
    public func encodePieces(_ text: String) -> [EncodedPiece] {
        encodePieces(bytes: text.utf8)
    }

    /// The tokens of text that may not be UTF-8, as ``encodePieces(_:)``.
    public func encodePieces(bytes: some Collection<UInt8>) -> [EncodedPiece] {
        let text = normalizer.normalize(Array(bytes).span, tracksOrigins: true)
        guard let origins = text.origins else { return [] }
        var pieces: [EncodedPiece] = []
        var start = 0
        var followsUnknown = false
        for segment in segmenter.segments(text, vocabulary) {
            let range = origins[start]..<origins[segment.end]
            let piece = text.bytes[start..<segment.end]
            let isUnknown = self.isUnknown(segment.id)
            if isUnknown, !vocabulary.byteIDs.isEmpty {
                for (index, byte) in zip(piece.indices, piece) {
                    let id = vocabulary.byteIDs[Int(byte)]
                    let end = index == segment.end - 1 ? range.upperBound : range.lowerBound
                    pieces.append(
                        EncodedPiece(id: id, bytes: Array(vocabulary.bytes(Int(id))), range: range.lowerBound..<end))
                }
            } else if isUnknown, followsUnknown, let last = pieces.popLast() {
                pieces.append(
                    EncodedPiece(
                        id: last.id, bytes: last.bytes + piece, range: last.range.lowerBound..<range.upperBound))
            } else {
                pieces.append(EncodedPiece(id: segment.id, bytes: Array(piece), range: range))
            }
            followsUnknown = isUnknown
            start = segment.end
        }
        return pieces
    }

    /// - Parameter limit: more ids than these need not be found.
    private func encode(_ text: Span<UInt8>, limit: Int = .max) -> [Int32] {
        let normalized = normalizer.normalize(text)
        // Without byte fallback, neighbours that are unknown share an id: there may be fewer ids than segments.
        let needed = vocabulary.byteIDs.isEmpty ? .max : limit
        let segments = segmenter.segments(normalized, vocabulary, limit: needed)
        var ids: [Int32] = []
        ids.reserveCapacity(segments.count)
        var start = 0
        var followsUnknown = false
        for segment in segments {
            let isUnknown = self.isUnknown(segment.id)
            if !isUnknown {
                ids.append(segment.id)
            } else if !vocabulary.byteIDs.isEmpty {
                for index in start..<segment.end { ids.append(vocabulary.byteIDs[Int(normalized.bytes[index])]) }
            } else if !followsUnknown {
                ids.append(segment.id)
            }
            followsUnknown = isUnknown
            start = segment.end
        }
        return ids
    }

    @inline(__always)
    private func isUnknown(_ id: Int32) -> Bool { id < 0 || id == vocabulary.unknownID }
}
