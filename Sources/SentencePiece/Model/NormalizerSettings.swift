/// The part of `NormalizerSpec` that acts at run time, with the defaults of sentencepiece_model.proto.
struct NormalizerSettings {
    /// Compiled replacement rules; empty for the identity.
    var charsmap: [UInt8] = []
    var addsDummyPrefix = true
    var removesExtraWhitespaces = true
    var escapesWhitespaces = true
}
