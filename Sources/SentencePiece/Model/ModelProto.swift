/// The content of a SentencePiece model file that acts at run time.
///
/// Source: `ModelProto`, `TrainerSpec` and `NormalizerSpec` of sentencepiece_model.proto, with its defaults.
struct ModelProto {
    /// The largest file read. Published models are below 20 MB; what is made of a hostile one this large stays below
    /// 1 GB.
    static let fileLimit = 1 << 27
    /// The most pieces read; ids and their index entries are 32-bit.
    static let pieceLimit = 1 << 24

    /// One sentence and its pieces joined by spaces, recorded by older trainers to check an implementation.
    struct SelfTestSample {
        var input: [UInt8] = []
        var expected: [UInt8] = []
    }

    /// All pieces' bytes one after another; piece `id` is `pieceStarts[id]..<pieceStarts[id + 1]`.
    var pieceBytes: [UInt8] = []
    var pieceStarts: [UInt32] = [0]
    var scores: [Float] = []
    var types: [PieceType] = []

    var modelType = ModelType.unigram
    var hasByteFallback = false
    var treatsWhitespaceAsSuffix = false
    var unknownPiece = Array("<unk>".utf8)
    var bosPiece = Array("<s>".utf8)
    var eosPiece = Array("</s>".utf8)
    var padPiece = Array("<pad>".utf8)
    /// What an unknown piece is decoded to: a double question mark between spaces.
    var unknownSurface = Array(" \u{2047} ".utf8)

    var normalizer = NormalizerSettings()
    var denormalizer: NormalizerSettings?
    var selfTestSamples: [SelfTestSample] = []

    var pieceCount: Int { types.count }
}
