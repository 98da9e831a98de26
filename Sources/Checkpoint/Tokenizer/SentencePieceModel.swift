/// A SentencePiece model in its ModelProto form, as far as a GGUF file holds one: pieces with their scores and types.
///
/// GGUF keeps neither the trainer's nor the normaliser's settings; those written here are the ones that Gemma's and
/// Llama's tokenizers share. Source: `sentencepiece_model.proto` of SentencePiece.
public struct SentencePieceModel: Sendable, Equatable {
    /// What a piece stands for; the numbers of the proto.
    public enum PieceType: Int, Sendable {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    public struct Piece: Sendable, Equatable {
        public var text: String
        public var score: Float
        public var type: PieceType
    }

    public var pieces: [Piece]
    public var unknownID: Int
    public var beginningID: Int
    public var endID: Int
    /// -1 if there is no padding piece.
    public var paddingID: Int
    /// A space is put in front of every text.
    public var addsDummyPrefix: Bool

    /// The serialised ModelProto: fields in the order of their numbers, as protobuf writes them.
    public func serialized() -> [UInt8] {
        var model = ProtobufWriter()
        for piece in pieces {
            var message = ProtobufWriter()
            message.string(1, piece.text)
            message.float(2, piece.score)
            message.varint(3, piece.type.rawValue)
            model.message(1, message)
        }
        var trainer = ProtobufWriter()
        trainer.varint(3, 2)  // model_type BPE
        trainer.varint(4, pieces.count)
        trainer.bool(35, pieces.contains { $0.type == .byte })
        trainer.varint(40, unknownID)
        trainer.varint(41, beginningID)
        trainer.varint(42, endID)
        trainer.varint(43, paddingID)
        for (field, id) in [(45, unknownID), (46, beginningID), (47, endID), (48, paddingID)] where id >= 0 {
            trainer.string(field, pieces[id].text)
        }
        model.message(2, trainer)
        var normalizer = ProtobufWriter()
        normalizer.string(1, "identity")
        normalizer.bool(3, addsDummyPrefix)
        normalizer.bool(4, false)  // remove_extra_whitespaces
        normalizer.bool(5, true)  // escape_whitespaces
        model.message(3, normalizer)
        return model.bytes
    }
}

/// Appends protobuf fields to a message. Source: the protobuf wire format.
private struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ field: Int, _ value: Int) {
        raw(UInt64(field << 3))
        raw(UInt64(bitPattern: Int64(value)))
    }

    mutating func bool(_ field: Int, _ value: Bool) { varint(field, value ? 1 : 0) }

    mutating func float(_ field: Int, _ value: Float) {
        raw(UInt64(field << 3 | 5))
        for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(shift * 8))) }
    }

    mutating func string(_ field: Int, _ value: String) { delimited(field, Array(value.utf8)) }

    mutating func message(_ field: Int, _ value: ProtobufWriter) { delimited(field, value.bytes) }

    private mutating func delimited(_ field: Int, _ content: [UInt8]) {
        raw(UInt64(field << 3 | 2))
        raw(UInt64(content.count))
        bytes += content
    }

    private mutating func raw(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
