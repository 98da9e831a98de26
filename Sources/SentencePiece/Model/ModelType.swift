/// How a model splits text. The numbers are those of `TrainerSpec.ModelType` in sentencepiece_model.proto.
public enum ModelType: UInt8, Sendable {
    case unigram = 1
    case bytePairEncoding = 2
    case word = 3
    case character = 4
}
