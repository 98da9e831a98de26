public import Engine

/// A model in service: what answers carry, so that each names the model that computed it across a replacement.
public final class ServedModel: Sendable {
    public let description: ModelDescription
    /// Tokenises for this model; a replacement tokenises alike, so its messages may be run by either.
    public let tokenizer: any MessageTokenizing
    /// 1 for the model that the service started with, one more for each replacement.
    public let generation: Int

    init(_ engine: any BatchEngine, generation: Int) {
        description = engine.description
        tokenizer = engine.messageTokenizer
        self.generation = generation
    }
}
