import Testing

@testable import SentencePiece

/// The wire format: every way in which bytes can fail to be a message has its error.
@Suite struct ProtobufReaderTests {
    /// The error that reading `bytes` as a model gives.
    private func failure(_ bytes: [UInt8]) -> SentencePieceError? {
        do {
            _ = try ModelProto(serialized: bytes)
            return nil
        } catch { return error }
    }

    @Test func emptyFileHasNoPieces() { #expect(failure([]) == .noPieces) }

    @Test func varintCutShort() { #expect(failure([0x80]) == .truncated(offset: 0)) }

    @Test func varintLongerThan64Bits() {
        #expect(failure([0x30] + [UInt8](repeating: 0xff, count: 10) + [0]) == .varintTooLong(offset: 1))
        // The tenth byte may only hold one bit.
        #expect(failure([0x30] + [UInt8](repeating: 0x80, count: 9) + [2]) == .varintTooLong(offset: 1))
        #expect(failure([0x30] + [UInt8](repeating: 0x80, count: 9) + [1]) == .noPieces)
    }

    @Test func fieldNumberZero() { #expect(failure([0x02, 0x00]) == .invalidFieldNumber(offset: 0)) }

    @Test func fieldNumberAbove32Bits() {
        #expect(failure([0x82, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00]) == .invalidFieldNumber(offset: 0))
    }

    @Test func groupsAndReservedWireTypes() {
        #expect(failure([0x33]) == .unsupportedWireType(wireType: 3, field: 6, offset: 0))
        #expect(failure([0x36]) == .unsupportedWireType(wireType: 6, field: 6, offset: 0))
    }

    @Test func piecesMustBeMessages() {
        #expect(failure([0x08, 0x01]) == .wrongWireType(field: 1, wireType: 0, offset: 0))
    }

    @Test func scoreMustBeFixed32() {
        #expect(failure([0x0a, 0x02, 0x10, 0x01]) == .wrongWireType(field: 2, wireType: 0, offset: 2))
    }

    @Test func lengthBeyondTheEnd() {
        #expect(failure([0x0a, 0x05, 0x0a]) == .lengthOutOfRange(field: 1, length: 5, available: 1, offset: 0))
        // A piece's text may not reach beyond the piece, even where the file goes on.
        #expect(
            failure([0x0a, 0x02, 0x0a, 0x04, 0x61, 0x62, 0x63, 0x64])
                == .lengthOutOfRange(field: 1, length: 4, available: 0, offset: 2))
    }

    @Test func lengthOfExabytes() {
        let length: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        #expect(
            failure([0x0a] + length) == .lengthOutOfRange(field: 1, length: .max, available: 0, offset: 0))
    }

    @Test func fixedValuesCutShort() {
        #expect(failure([0x0a, 0x03, 0x15, 0x00, 0x00]) == .truncated(offset: 3))
        #expect(failure([0x35, 0x00]) == .truncated(offset: 1))
        #expect(failure([0x31, 0x00]) == .truncated(offset: 1))
    }

    @Test func unknownFieldsArePassedOver() {
        // Fields 200 and up are extensions; one of each wire type.
        let extensions: [UInt8] = [0xc0, 0x0c, 0x01, 0xc2, 0x0c, 0x01, 0x00, 0xc5, 0x0c, 0, 0, 0, 0,
                                   0xc1, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(failure(extensions) == .noPieces)
        #expect(failure(extensions + [0x0a, 0x03, 0x0a, 0x01, 0x61]) == nil)
    }

    @Test func unknownEnumerationValues() {
        #expect(failure([0x0a, 0x02, 0x18, 0x07]) == .unknownPieceType(id: 0, value: 7))
        #expect(failure([0x12, 0x02, 0x18, 0x05]) == .unknownModelType(value: 5))
        let negative: [UInt8] = [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        #expect(failure([0x0a, 0x0b] + negative) == .unknownPieceType(id: 0, value: -1))
    }
}
