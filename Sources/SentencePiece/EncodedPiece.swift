/// One token of an encoded text, with the place in the text that it stands for.
public struct EncodedPiece: Equatable, Sendable {
    /// The piece's id.
    public let id: Int32
    /// The piece as it stands in the normalised text, with space marks; `<0xHH>` for a byte. Not always whole
    /// characters, so bytes.
    public let bytes: [UInt8]
    /// The bytes of the original text that it stands for. Empty for a space that was put in, and for all bytes of an
    /// unknown character but the last.
    public let range: Range<Int>

    /// ``bytes`` as text; what is no UTF-8 becomes U+FFFD.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}
