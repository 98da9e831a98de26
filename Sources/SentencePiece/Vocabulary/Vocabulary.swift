/// The pieces of a model: bytes, score, type, and the way from bytes to id.
struct Vocabulary: Sendable {
    /// Pieces of this many bytes or more are refused, as in the reference implementation.
    static let pieceByteLimit = 8000

    /// All pieces' bytes in id order, and ``PieceIndex/padding`` spare bytes.
    let arena: [UInt8]
    /// Piece `id` is `starts[id]..<starts[id + 1]` of the arena.
    let starts: [UInt32]
    let scores: [Float]
    let types: [PieceType]
    /// The piece of type UNKNOWN, or -1 if there is none (with byte fallback).
    let unknownID: Int32
    /// The id of the piece for each byte value; empty without byte fallback.
    let byteIDs: [Int32]
    /// Whether some piece is of type UNUSED.
    let hasUnused: Bool
    /// Finds USER_DEFINED pieces.
    let userDefined: PrefixMatcher

    /// Pieces that text can be matched to: NORMAL, USER_DEFINED and UNUSED.
    private let searchable: PieceIndex
    /// CONTROL, UNKNOWN and BYTE pieces.
    private let reserved: PieceIndex

    /// How many pieces there are; ids run from 0.
    var count: Int { types.count }

    /// Takes over the pieces of `model` and checks them as the reference implementation does.
    init(_ model: consuming ModelProto) throws(SentencePieceError) {
        var types = model.types
        var arena = model.pieceBytes
        arena.append(contentsOf: repeatElement(0, count: PieceIndex.padding))
        let starts = model.pieceStarts
        var searchableCount = 0
        for (id, score) in model.scores.enumerated() {
            let range = Int(starts[id])..<Int(starts[id + 1])
            guard !range.isEmpty else { throw .emptyPiece(id: id) }
            guard range.count < Self.pieceByteLimit else {
                throw .pieceTooLong(id: id, bytes: range.count, limit: Self.pieceByteLimit - 1)
            }
            guard !score.isNaN else { throw .scoreNotANumber(id: id) }
            guard score.isFinite || model.modelType != .unigram else { throw .scoreInfinite(id: id) }
            // Converters leave a NUL piece beside <0x00>; like the reference implementation, never use it.
            if model.hasByteFallback, range.count == 1, arena[range.lowerBound] == 0 { types[id] = .unused }
            if types[id].isSearchable { searchableCount += 1 }
        }
        var searchable = PieceIndex(capacity: searchableCount)
        var reserved = PieceIndex(capacity: types.count - searchableCount)
        var unknownID: Int32 = -1
        var byteIDs = [Int32](repeating: -1, count: model.hasByteFallback ? 256 : 0)
        var userDefinedIDs: [Int] = []
        var hasUnused = false
        let isBytePair = model.modelType == .bytePairEncoding
        let lengths = starts.span
        for (id, type) in types.enumerated() {
            let range = Int(starts[id])..<Int(starts[id + 1])
            if type == .unused, range.count == 1, arena[range.lowerBound] == 0 { continue }
            guard !arena[range].contains(0) else { throw .pieceContainsNUL(id: id) }
            // BPE keeps one table, so the same text may not occur twice even with different types.
            let other =
                if type.isSearchable {
                    searchable.insert(id, arena: arena.span, starts: lengths)
                        ?? (isBytePair ? reserved.find(arena.span, range, arena: arena.span, starts: lengths).id : nil)
                } else {
                    reserved.insert(id, arena: arena.span, starts: lengths)
                        ?? (isBytePair
                            ? searchable.find(arena.span, range, arena: arena.span, starts: lengths).id : nil)
                }
            if let other { throw .duplicatePiece(id: id, firstID: other) }
            switch type {
            case .unknown:
                guard unknownID < 0 else { throw .secondUnknownPiece(id: id, firstID: Int(unknownID)) }
                unknownID = Int32(id)
            case .byte:
                guard model.hasByteFallback else { throw .bytePieceWithoutFallback(id: id) }
                guard let byte = Self.byte(named: arena[range]) else { throw .invalidBytePiece(id: id) }
                byteIDs[Int(byte)] = Int32(id)
            case .userDefined: userDefinedIDs.append(id)
            case .unused: hasUnused = true
            case .normal, .control: break
            }
        }
        guard unknownID >= 0 || model.hasByteFallback else { throw .noUnknownPiece }
        if let missing = byteIDs.firstIndex(of: -1) { throw .missingBytePiece(byte: UInt8(missing)) }
        self.arena = arena
        self.starts = starts
        self.scores = model.scores
        self.types = types
        self.unknownID = unknownID
        self.byteIDs = byteIDs
        self.hasUnused = hasUnused
        userDefined = PrefixMatcher(
            userDefinedIDs.map { (Int(starts[$0])..<Int(starts[$0 + 1]), Int32($0)) }, arena: arena)
        self.searchable = searchable
        self.reserved = reserved
    }

    /// Where piece `id` lies in the arena.
    func range(_ id: Int) -> Range<Int> { Int(starts[id])..<Int(starts[id + 1]) }

    /// The bytes of piece `id`.
    func bytes(_ id: Int) -> ArraySlice<UInt8> { arena[range(id)] }

    /// The NORMAL, USER_DEFINED or UNUSED piece that equals `range` of `text`, or -1.
    /// - Precondition: ``PieceIndex/padding`` bytes follow the range.
    @inline(__always)
    func searchableID(_ text: Span<UInt8>, _ range: Range<Int>) -> Int32 {
        searchable.find(text, range, arena: arena.span, starts: starts.span)
    }

    /// The piece that stands for `range` of `text` as it is: ``searchableID(_:_:)``, but the unknown piece's id if
    /// there is none or it is UNUSED.
    @inline(__always)
    func usableID(_ text: Span<UInt8>, _ range: Range<Int>) -> Int32 {
        let id = searchableID(text, range)
        return id < 0 || types[Int(id)] == .unused ? unknownID : id
    }

    /// The searchable pieces' ranges and ids, sorted by bytes.
    func sortedSearchableKeys() -> [(range: Range<Int>, value: Int32)] {
        var keys: [(range: Range<Int>, value: Int32)] = []
        for (id, type) in types.enumerated() where type.isSearchable && !isSkipped(id) {
            keys.append((range(id), Int32(id)))
        }
        return DoubleArrayTrieBuilder.sorted(keys, arena: arena)
    }

    /// Whether piece `id` is the lone NUL that converters leave, which takes part in nothing.
    private func isSkipped(_ id: Int) -> Bool {
        let range = range(id)
        return range.count == 1 && arena[range.lowerBound] == 0
    }

    /// The piece of any type that equals `bytes`, reserved ones first; the unknown piece's id if there is none.
    func id(of bytes: [UInt8]) -> Int32 {
        let text = bytes + repeatElement(0, count: PieceIndex.padding)
        let range = 0..<bytes.count
        if let id = reserved.find(text.span, range, arena: arena.span, starts: starts.span).id { return Int32(id) }
        return searchableID(text.span, range).id.map(Int32.init) ?? unknownID
    }

    /// The id of the piece of type CONTROL that equals `bytes`.
    func controlID(of bytes: [UInt8]) -> Int32? {
        let id = id(of: bytes)
        return id >= 0 && types[Int(id)] == .control ? id : nil
    }

    /// The byte that a piece written `<0xHH>` (upper-case hexadecimal) stands for.
    static func byte(named piece: ArraySlice<UInt8>) -> UInt8? {
        guard piece.count == 6, piece.starts(with: "<0x".utf8), piece.last == UInt8(ascii: ">") else { return nil }
        var value: UInt8 = 0
        for digit in piece.dropFirst(3).prefix(2) {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | (digit - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | (digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }
}

extension Int32 {
    /// A look-up's result as an optional id: nil for -1.
    fileprivate var id: Int? { self < 0 ? nil : Int(self) }
}
