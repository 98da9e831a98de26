extension SentencePieceTokenizer {
    /// The text's token ids, without any mark before or behind.
    ///
    /// Complexity: close to linear in the text's length, also if it is one long word.
    public func encode(_ text: String) -> [Int32] {
        var text = text
        return text.withUTF8 { encode(bytes: $0) }
    }

    /// The token ids of text that may not be UTF-8: each byte that starts no well-formed character counts as U+FFFD.
    public func encode(bytes: UnsafeBufferPointer<UInt8>) -> [Int32] {
        encode(Span(_unsafeElements: bytes))
    }

    /// The token ids of text that may not be UTF-8: each byte that starts no well-formed character counts as U+FFFD.
    public func encode(bytes: some Collection<UInt8>) -> [Int32] {
        encode(Array(bytes).span)
    }

    private func encode(_ text: Span<UInt8>) -> [Int32] {
        guard text.count > 0 else { return [] }
        let normalized = normalizer.normalize(text)
        let segments = segmenter.segments(normalized, vocabulary)
        var ids: [Int32] = []
        ids.reserveCapacity(segments.count)
        let bytes = normalized.bytes.span
        var start = 0
        var followsUnknown = false
        for segment in segments {
            let isUnknown = segment.id < 0 || segment.id == vocabulary.unknownID
            if !isUnknown {
                ids.append(segment.id)
            } else if !vocabulary.byteIDs.isEmpty {
                for index in start..<segment.end { ids.append(vocabulary.byteIDs[Int(bytes[index])]) }
            } else if !followsUnknown {
                // A run of unknown text is one token.
                ids.append(segment.id)
            }
            followsUnknown = isUnknown
            start = segment.end
        }
        return ids
    }
}
