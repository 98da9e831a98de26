internal import SentencePiece

/// Feeds damaged models to the reader: none may crash or hang, and whichever still loads must work.
///
/// Seeded, so that a run can be repeated; a crash is found again by running up to the same input.
public struct ModelFuzzer {
    /// How the inputs fared.
    public struct Outcome: Equatable, Sendable {
        public var refused = 0
        public var loaded = 0
        /// What loaded models did wrong, in words.
        public var faults: [String] = []
    }

    private let models: [[UInt8]]
    private var generator: SplitMix64
    public private(set) var outcome = Outcome()

    private static let texts = [
        "", " ", "The the abc abab  nation ing▁", "日月 fox\n\n <h1>_~# \t😀é\u{301}", "</s><s>\0▁▁▁",
    ].map { Array($0.utf8) } + [[0xff, 0xe2, 0x96, 0x20, 0xf0, 0x9f, 0x61, 0xc0, 0x80]]

    /// - Parameter models: sound models to damage.
    public init(models: [[UInt8]], seed: UInt64) {
        self.models = models
        generator = SplitMix64(state: seed)
    }

    /// Damages, loads and tries one model.
    public mutating func step() {
        let bytes = damaged()
        let tokenizer: SentencePieceTokenizer
        do { tokenizer = try SentencePieceTokenizer(bytes: bytes) } catch {
            outcome.refused += 1
            return
        }
        outcome.loaded += 1
        for text in Self.texts {
            if let fault = Self.fault(tokenizer, text), outcome.faults.count < 10 {
                outcome.faults.append("input \(outcome.refused + outcome.loaded): \(fault)")
            }
        }
    }

    private static func fault(_ tokenizer: SentencePieceTokenizer, _ text: [UInt8]) -> String? {
        let ids = tokenizer.encode(bytes: text)
        let pieces = tokenizer.encodePieces(bytes: text)
        guard pieces.map(\.id) == ids else { return "pieces and ids differ" }
        var end = 0
        for piece in pieces {
            guard piece.range.lowerBound >= end, piece.range.upperBound <= text.count else { return "offsets are wrong" }
            end = piece.range.upperBound
        }
        guard ids.allSatisfy({ $0 >= 0 && $0 < tokenizer.vocabularySize }) else { return "an id is outside" }
        return (try? tokenizer.decode(ids)) == nil ? "ids do not decode" : nil
    }

    /// Half of the models keep every byte in its place, so that more than the outline of the message is tested.
    private mutating func damaged() -> [UInt8] {
        var bytes = models[below(models.count)]
        let keepsPlaces = below(2) == 0
        for _ in 0...below(keepsPlaces ? 2 : 4) where !bytes.isEmpty {
            if keepsPlaces || below(2) == 0 { overwrite(&bytes) } else { move(&bytes) }
        }
        return bytes
    }

    /// Numbers that are no sane length, score or type.
    private static let numbers: [[UInt8]] = [
        [0xff, 0xff, 0xff, 0xff, 0x0f], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        [0x00, 0x00, 0xc0, 0x7f], [0x00, 0x00, 0x80, 0xff], [0x00], [0x7f],
    ]

    private mutating func overwrite(_ bytes: inout [UInt8]) {
        let place = below(bytes.count)
        switch below(4) {
        case 0: bytes[place] ^= 1 << UInt8(below(8))
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 2:
            let number = Self.numbers[below(Self.numbers.count)].prefix(bytes.count - place)
            bytes.replaceSubrange(place..<place + number.count, with: number)
        default:
            // The settings and the charsmap stand behind the pieces: damage there too.
            let tail = bytes.count - 1 - below(min(bytes.count, 3000))
            bytes[tail] = UInt8.random(in: 0...255, using: &generator)
        }
    }

    /// Takes bytes out, doubles them, or puts in those of another model.
    private mutating func move(_ bytes: inout [UInt8]) {
        let place = below(bytes.count)
        switch below(4) {
        case 0: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(8)))
        case 1: bytes.removeLast(below(bytes.count))
        case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + below(64))], at: below(bytes.count))
        default:
            let other = models[below(models.count)]
            let from = below(other.count)
            bytes.insert(contentsOf: other[from..<min(other.count, from + 1 + below(512))], at: place)
        }
    }

    private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(limit, 1), using: &generator) }
}
