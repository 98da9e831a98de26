extension SentencePieceTokenizer {
    /// The text of token ids. Marks (CONTROL pieces) are nothing; byte pieces are joined to characters, U+FFFD where
    /// they make none.
    /// - Throws: ``SentencePieceError/invalidID(_:vocabularySize:)``.
    public func decode(_ ids: [Int32]) throws(SentencePieceError) -> String {
        String(decoding: try decodeBytes(ids), as: UTF8.self)
    }

    /// The bytes of token ids: as ``decode(_:)``, but pieces that are not UTF-8 come back as they are.
    /// - Throws: ``SentencePieceError/invalidID(_:vocabularySize:)``.
    public func decodeBytes(_ ids: [Int32]) throws(SentencePieceError) -> [UInt8] {
        var output: [UInt8] = []
        var pendingBytes: [UInt8] = []
        var atStart = true
        for id in ids {
            guard let type = type(of: id) else { throw .invalidID(id, vocabularySize: vocabularySize) }
            let piece = vocabulary.bytes(Int(id))
            if type == .byte, let byte = Vocabulary.byte(named: piece) {
                pendingBytes.append(byte)
                continue
            }
            Self.flush(&pendingBytes, into: &output)
            if !output.isEmpty { atStart = false }
            if type == .control { continue }
            if type == .unknown {
                output.append(contentsOf: unknownSurface)
            } else {
                var rest = piece
                var droppedSpace = false
                if atStart, dropsLeadingSpace, rest.starts(with: UTF8Character.space) {
                    rest = rest.dropFirst(UTF8Character.space.count)
                    droppedSpace = !removesExtraWhitespaces
                }
                Self.appendUnescaped(rest, to: &output)
                if droppedSpace { atStart = false }
            }
            if !output.isEmpty { atStart = false }
        }
        Self.flush(&pendingBytes, into: &output)
        guard let denormalizer else { return output }
        let normalized = denormalizer.normalize(output.span)
        return Array(normalized.bytes[..<normalized.count])
    }

    /// Writes collected byte pieces out as characters, each byte that starts none as U+FFFD.
    private static func flush(_ pending: inout [UInt8], into output: inout [UInt8]) {
        var position = 0
        while position < pending.count {
            let length = UTF8Character.wellFormedLength(pending.span, at: position, end: pending.count)
            if length == 0 {
                output.append(contentsOf: UTF8Character.replacement)
                position += 1
            } else {
                output.append(contentsOf: pending[position..<position + length])
                position += length
            }
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Appends a piece with its space marks turned back into spaces.
    private static func appendUnescaped(_ piece: ArraySlice<UInt8>, to output: inout [UInt8]) {
        var rest = piece
        while let first = rest.first {
            if first == UTF8Character.space[0], rest.starts(with: UTF8Character.space) {
                output.append(0x20)
                rest = rest.dropFirst(UTF8Character.space.count)
            } else {
                output.append(first)
                rest = rest.dropFirst()
            }
        }
    }
}
