@testable import SentencePiece

/// Writes small models, sound or not, for the tests.
struct ModelBuilder {
    var pieces: [(text: [UInt8], score: Float, type: UInt64)] = []
    var modelType: UInt64 = 1
    var hasByteFallback = false
    var charsmap: [UInt8]?
    var denormalizerCharsmap: [UInt8]?
    var selfTests: [(input: String, expected: String)] = []
    var addsDummyPrefix = false

    /// A model of `modelType` with an unknown piece and these normal ones, each scoring less than the one before.
    init(_ modelType: ModelType, _ texts: String...) {
        self.modelType = UInt64(modelType.rawValue)
        add("<unk>", score: 0, .unknown)
        for (index, text) in texts.enumerated() { add(text, score: -Float(index + 1)) }
    }

    mutating func add(_ text: String, score: Float = 0, _ type: PieceType = .normal) {
        pieces.append((Array(text.utf8), score, UInt64(type.rawValue)))
    }

    mutating func addBytePieces(_ bytes: ClosedRange<UInt8> = 0...255) {
        for byte in bytes {
            let digits = String(byte, radix: 16, uppercase: true)
            add("<0x\(digits.count == 1 ? "0" : "")\(digits)>", .byte)
        }
    }

    /// The model as a file.
    var serialized: [UInt8] {
        var output: [UInt8] = []
        for piece in pieces {
            output += Self.field(1, Self.field(1, piece.text) + [0x15] + Self.little(piece.score.bitPattern)
                + [0x18] + Self.varint(piece.type))
        }
        var trainer: [UInt8] = [0x18] + Self.varint(modelType)
        if hasByteFallback { trainer += Self.varint(35 << 3) + [1] }
        output += Self.field(2, trainer)
        var normalizer: [UInt8] = charsmap.map { Self.field(2, $0) } ?? []
        normalizer += [0x18, addsDummyPrefix ? 1 : 0, 0x20, 0]
        output += Self.field(3, normalizer)
        if let denormalizerCharsmap { output += Self.field(5, Self.field(2, denormalizerCharsmap)) }
        if !selfTests.isEmpty {
            output += Self.field(4, selfTests.flatMap {
                Self.field(1, Self.field(1, Array($0.input.utf8)) + Self.field(2, Array($0.expected.utf8)))
            })
        }
        return output
    }

    /// The tokenizer that the model makes.
    func tokenizer() throws -> SentencePieceTokenizer { try SentencePieceTokenizer(bytes: serialized) }

    /// The error that loading the model gives.
    var failure: SentencePieceError? {
        do {
            _ = try SentencePieceTokenizer(bytes: serialized)
            return nil
        } catch { return error }
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var value = value
        var output: [UInt8] = []
        while value > 0x7f {
            output.append(UInt8(value & 0x7f) | 0x80)
            value >>= 7
        }
        return output + [UInt8(value)]
    }

    static func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(content.count)) + content
    }

    static func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
}
