/// The sizes of a Gemma 3 model, from the metadata.
struct Gemma3Shape {
    let vocabularySize: Int
    let hiddenSize: Int
    let intermediateSize: Int
    let layers: Int
    let heads: Int
    let keyValueHeads: Int
    let headDimension: Int
    let positions: Int
    let window: Int
    let normEpsilon: Double
    let queryScalar: Int
    let softcap: Double?

    init(_ file: GGUFFile) throws(GGUFError) {
        func extent(_ key: String, limit: Int = ModelConfiguration.extentLimit) throws(GGUFError) -> Int {
            let value = try file.integer("gemma3." + key)
            guard (1...limit).contains(value) else {
                throw .wrongKeyType(path: file.path, key: "gemma3." + key, expected: "a size from 1 to \(limit)")
            }
            return value
        }
        vocabularySize = try file.array("tokenizer.ggml.tokens").count
        hiddenSize = try extent("embedding_length")
        intermediateSize = try extent("feed_forward_length")
        layers = try extent("block_count", limit: ModelConfiguration.layerLimit)
        heads = try extent("attention.head_count", limit: 1 << 16)
        keyValueHeads = try extent("attention.head_count_kv", limit: 1 << 16)
        headDimension = try extent("attention.key_length", limit: 1 << 12)
        positions = try extent("context_length")
        window = try extent("attention.sliding_window")
        // Stored as f32; the shortest decimal that rounds to it is what the model's author wrote.
        let epsilon = Float(try file.doubleIfPresent("gemma3.attention.layer_norm_rms_epsilon") ?? 1e-6)
        normEpsilon = Double(epsilon.description) ?? Double(epsilon)
        // Only the 27B model, the one with 62 layers, scales by the width of a head's share instead of the head's.
        queryScalar = layers == 62 ? hiddenSize / heads : headDimension
        softcap = try file.doubleIfPresent("gemma3.final_logit_softcapping")
    }
}
