public import FileAccess

/// Why a SentencePiece model was refused, or ids could not be decoded.
///
/// Offsets count bytes from the start of the file; ids count pieces from 0.
public enum SentencePieceError: Error, Equatable, CustomStringConvertible {
    // The file.
    case file(FileError)
    case modelTooLarge(bytes: Int, limit: Int)

    // The protocol buffer.
    case truncated(offset: Int)
    case varintTooLong(offset: Int)
    case invalidFieldNumber(offset: Int)
    case unsupportedWireType(wireType: Int, field: Int, offset: Int)
    case wrongWireType(field: Int, wireType: Int, offset: Int)
    case lengthOutOfRange(field: Int, length: UInt64, available: Int, offset: Int)
    case unknownModelType(value: Int)
    case unknownPieceType(id: Int, value: Int)

    // The vocabulary.
    case noPieces
    case tooManyPieces(count: Int, limit: Int)
    case emptyPiece(id: Int)
    case pieceTooLong(id: Int, bytes: Int, limit: Int)
    case pieceContainsNUL(id: Int)
    case duplicatePiece(id: Int, firstID: Int)
    case scoreNotANumber(id: Int)
    case scoreInfinite(id: Int)
    case noUnknownPiece
    case secondUnknownPiece(id: Int, firstID: Int)
    case bytePieceWithoutFallback(id: Int)
    case invalidBytePiece(id: Int)
    case missingBytePiece(byte: UInt8)
    case noSearchablePieces

    // The normaliser.
    case charsmapTooShort(bytes: Int)
    case charsmapTrieOutOfRange(bytes: Int, available: Int)
    case charsmapTrieNotInBlocks(bytes: Int)
    case charsmapNotTerminated
    case charsmapUnitOutOfRange(unit: Int)
    case charsmapCycle(unit: Int)
    case charsmapKeyTooLong(limit: Int)
    case charsmapValueOutOfRange(unit: Int, value: Int, available: Int)
    case charsmapReplacementTooLong(bytes: Int, limit: Int)

    // The model against itself, and ids against the model.
    case selfTestFailed(sample: Int, expected: String, found: String)
    case invalidID(Int32, vocabularySize: Int)

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .modelTooLarge(let bytes, let limit): "the model has \(bytes) bytes; the limit is \(limit)"
        case .truncated(let offset): "the file ends inside the value at byte \(offset); it is cut short"
        case .varintTooLong(let offset): "the integer at byte \(offset) is longer than 64 bits"
        case .invalidFieldNumber(let offset):
            "byte \(offset) holds no valid field number; this is not a SentencePiece model"
        case .unsupportedWireType(let wireType, let field, let offset):
            "field \(field) at byte \(offset) has unsupported wire type \(wireType)"
        case .wrongWireType(let field, let wireType, let offset):
            "field \(field) at byte \(offset) has wire type \(wireType), which is not the one of its type"
        case .lengthOutOfRange(let field, let length, let available, let offset):
            "field \(field) at byte \(offset) claims \(length) bytes; \(available) are left"
        case .unknownModelType(let value):
            "model type \(value) is not 1 (unigram), 2 (BPE), 3 (word) or 4 (char)"
        case .unknownPieceType(let id, let value): "piece \(id) has unknown type \(value)"
        case .noPieces: "the model has no pieces; this is not a SentencePiece model"
        case .tooManyPieces(let count, let limit): "the model has \(count) pieces; the limit is \(limit)"
        case .emptyPiece(let id): "piece \(id) is empty"
        case .pieceTooLong(let id, let bytes, let limit): "piece \(id) has \(bytes) bytes; the limit is \(limit)"
        case .pieceContainsNUL(let id): "piece \(id) contains a NUL byte"
        case .duplicatePiece(let id, let firstID): "piece \(id) is the same as piece \(firstID)"
        case .scoreNotANumber(let id): "the score of piece \(id) is not a number"
        case .scoreInfinite(let id): "the score of piece \(id) is infinite, which a unigram model cannot use"
        case .noUnknownPiece: "no piece has type UNKNOWN and the model has no byte fallback"
        case .secondUnknownPiece(let id, let firstID):
            "piece \(id) has type UNKNOWN, and so has piece \(firstID)"
        case .bytePieceWithoutFallback(let id): "piece \(id) has type BYTE but the model has no byte fallback"
        case .invalidBytePiece(let id): "piece \(id) has type BYTE but is not written <0x00> to <0xFF>"
        case .missingBytePiece(let byte): "the model has byte fallback but no piece for byte \(byte)"
        case .noSearchablePieces: "the unigram model has no normal, user-defined or unused piece"
        case .charsmapTooShort(let bytes): "the normaliser's charsmap has \(bytes) bytes, too few for its header"
        case .charsmapTrieOutOfRange(let bytes, let available):
            "the charsmap's trie claims \(bytes) bytes; \(available) follow"
        case .charsmapTrieNotInBlocks(let bytes):
            "the charsmap's trie has \(bytes) bytes, not a positive multiple of 1024"
        case .charsmapNotTerminated: "the charsmap's replacement text is missing or not terminated"
        case .charsmapUnitOutOfRange(let unit): "the charsmap's trie is corrupt: unit \(unit) leads outside it"
        case .charsmapCycle(let unit): "the charsmap's trie is corrupt: unit \(unit) leads back to itself"
        case .charsmapKeyTooLong(let limit): "the charsmap replaces texts of more than \(limit) bytes"
        case .charsmapValueOutOfRange(let unit, let value, let available):
            "the charsmap's trie is corrupt: unit \(unit) names replacement byte \(value) of \(available)"
        case .charsmapReplacementTooLong(let bytes, let limit):
            "the charsmap replaces a character by \(bytes) bytes; the limit is \(limit)"
        case .selfTestFailed(let sample, let expected, let found):
            "self-test \(sample) of the model fails: \"\(expected)\" is expected, \"\(found)\" found"
        case .invalidID(let id, let vocabularySize): "id \(id) is outside the vocabulary of \(vocabularySize) pieces"
        }
    }
}
