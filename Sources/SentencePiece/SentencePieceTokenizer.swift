internal import FileAccess

/// A SentencePiece model: text to token ids and back, as the C++ library and its Python binding do it.
///
/// Unigram, BPE, word and character models are read from the `tokenizer.model` (or `.model`) file that the trainer
/// wrote. The answer depends on the model and the text only; a value can be used from many threads at once.
///
/// Text never becomes a piece of type CONTROL (`<s>`, `<bos>`, `<start_of_turn>`), whatever it looks like. It does
/// become a piece of type USER_DEFINED where it contains one, because that is what such pieces are for.
///
/// Source: SentencePiece (Kudo and Richardson, 2018), release 0.2.3; ids are equal to that release's on every text.
public struct SentencePieceTokenizer: Sendable {
    let vocabulary: Vocabulary
    let normalizer: Normalizer
    let denormalizer: Normalizer?
    let segmenter: Segmenter
    /// What an unknown piece is decoded to.
    let unknownSurface: [UInt8]
    /// Whether a leading space mark stands for no space of the text.
    let dropsLeadingSpace: Bool
    /// Whether all leading space marks are dropped in decoding.
    let removesExtraWhitespaces: Bool

    /// How the model splits text.
    public let modelType: ModelType
    /// The mark that starts a text, `<s>` or what the model names it, if it has a control piece of that name.
    public let bosID: Int32?
    /// The mark that ends a text, if the model has one.
    public let eosID: Int32?
    /// The mark that fills up a batch, if the model has one.
    public let padID: Int32?

    /// Reads the model file at `path`, checks it, and runs its self-test if it carries one.
    /// - Throws: ``SentencePieceError`` if the file cannot be read or is not a sound model.
    public init(contentsOf path: String) throws(SentencePieceError) {
        let bytes: [UInt8]
        do { bytes = try RegularFile.contents(path, limit: ModelProto.fileLimit) } catch { throw .file(error) }
        try self.init(bytes: bytes)
    }

    /// Reads a model that is in memory: a serialised `ModelProto`.
    /// - Throws: ``SentencePieceError`` if it is not a sound model.
    public init(bytes: [UInt8]) throws(SentencePieceError) {
        let model = try ModelProto(serialized: bytes)
        vocabulary = try Vocabulary(model)
        normalizer = try Normalizer(
            model.normalizer, treatsWhitespaceAsSuffix: model.treatsWhitespaceAsSuffix,
            protected: vocabulary.userDefined)
        if let settings = model.denormalizer, !settings.charsmap.isEmpty {
            denormalizer = try Normalizer(settings, treatsWhitespaceAsSuffix: false, protected: nil)
        } else {
            denormalizer = nil
        }
        segmenter = try Segmenter(model.modelType, vocabulary)
        modelType = model.modelType
        unknownSurface = model.unknownSurface
        removesExtraWhitespaces = model.normalizer.removesExtraWhitespaces
        dropsLeadingSpace = model.normalizer.addsDummyPrefix || model.normalizer.removesExtraWhitespaces
        bosID = vocabulary.controlID(of: model.bosPiece)
        eosID = vocabulary.controlID(of: model.eosPiece)
        padID = vocabulary.controlID(of: model.padPiece)
        try runSelfTest(model.selfTestSamples)
    }

    /// How many pieces the model has; ids run from 0 to one below.
    public var vocabularySize: Int { vocabulary.count }

    /// The piece that stands for text no piece covers, if the model has one.
    public var unknownID: Int32? { vocabulary.unknownID < 0 ? nil : vocabulary.unknownID }

    /// What piece `id` is for; nil outside the vocabulary.
    public func type(of id: Int32) -> PieceType? {
        vocabulary.types.indices.contains(Int(id)) ? vocabulary.types[Int(id)] : nil
    }

    /// The piece's score: a log probability, or a merge's rank; nil outside the vocabulary.
    public func score(of id: Int32) -> Float? {
        vocabulary.scores.indices.contains(Int(id)) ? vocabulary.scores[Int(id)] : nil
    }

    /// The piece's text; bytes that are not UTF-8 become U+FFFD. Nil outside the vocabulary.
    public func piece(of id: Int32) -> String? {
        guard vocabulary.types.indices.contains(Int(id)) else { return nil }
        return String(decoding: vocabulary.bytes(Int(id)), as: UTF8.self)
    }

    /// The id of the piece with this text, of whatever type; the unknown piece's if there is none.
    public func id(of piece: String) -> Int32? {
        let id = vocabulary.id(of: Array(piece.utf8))
        return id < 0 ? nil : id
    }
}
