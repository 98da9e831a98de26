/// A cursor over one protocol buffer message: fields in file order, every size checked against what is left.
///
/// Source: the protocol buffers encoding specification. Groups (wire types 3 and 4) are deprecated there and are
/// refused here, because no SentencePiece model uses them.
struct ProtobufReader {
    /// The four wire types that occur.
    enum WireType: UInt8, Sendable {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    /// A field's number and how its value is laid out.
    struct Tag {
        let field: UInt32
        let wireType: WireType
        /// Where the tag starts, counted from the start of the file.
        let offset: Int
    }

    private let bytes: [UInt8]
    private var position: Int
    private let end: Int

    /// Reads the message that fills `range` of `bytes`.
    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field's tag, or nil at the end of the message.
    mutating func nextTag() throws(SentencePieceError) -> Tag? {
        guard position < end else { return nil }
        let start = position
        let value = try varint()
        guard let key = UInt32(exactly: value), key >> 3 != 0 else { throw .invalidFieldNumber(offset: start) }
        guard let wireType = WireType(rawValue: UInt8(key & 7)) else {
            throw .unsupportedWireType(wireType: Int(key & 7), field: Int(key >> 3), offset: start)
        }
        return Tag(field: key >> 3, wireType: wireType, offset: start)
    }

    /// An unsigned integer of up to ten bytes of seven bits.
    mutating func varint() throws(SentencePieceError) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < end else { throw .truncated(offset: start) }
            let byte = bytes[position]
            position += 1
            // The tenth byte holds the 64th bit only.
            guard shift < 63 || byte <= 1 else { throw .varintTooLong(offset: start) }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// The range of a length-delimited value in the file.
    mutating func range(_ tag: Tag) throws(SentencePieceError) -> Range<Int> {
        try expect(.lengthDelimited, tag)
        let length = try varint()
        guard length <= UInt64(end - position) else {
            throw .lengthOutOfRange(
                field: Int(tag.field), length: length, available: end - position, offset: tag.offset)
        }
        let start = position
        position += Int(length)
        return start..<position
    }

    /// A length-delimited value's bytes.
    mutating func byteArray(_ tag: Tag) throws(SentencePieceError) -> [UInt8] {
        Array(bytes[try range(tag)])
    }

    mutating func float(_ tag: Tag) throws(SentencePieceError) -> Float {
        try expect(.fixed32, tag)
        guard end - position >= 4 else { throw .truncated(offset: position) }
        let bits = bytes.span.littleEndian32(at: position)
        position += 4
        return Float(bitPattern: bits)
    }

    mutating func bool(_ tag: Tag) throws(SentencePieceError) -> Bool {
        try expect(.varint, tag)
        return try varint() != 0
    }

    /// An enumeration's value; negative numbers take ten bytes and come back outside every enumeration.
    mutating func enumeration(_ tag: Tag) throws(SentencePieceError) -> Int {
        try expect(.varint, tag)
        return Int(truncatingIfNeeded: try varint())
    }

    /// Passes over a field that is of no interest.
    mutating func skip(_ tag: Tag) throws(SentencePieceError) {
        switch tag.wireType {
        case .varint: _ = try varint()
        case .fixed64: try advance(8)
        case .fixed32: try advance(4)
        case .lengthDelimited: _ = try range(tag)
        }
    }

    private mutating func advance(_ count: Int) throws(SentencePieceError) {
        guard end - position >= count else { throw .truncated(offset: position) }
        position += count
    }

    private func expect(_ wireType: WireType, _ tag: Tag) throws(SentencePieceError) {
        guard tag.wireType == wireType else {
            throw .wrongWireType(field: Int(tag.field), wireType: Int(tag.wireType.rawValue), offset: tag.offset)
        }
    }
}
