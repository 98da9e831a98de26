/// One tensor of Gemma 3: its name in GGUF, its name in transformers, its shape and its kind.
struct Gemma3Part {
    enum Kind { case embedding, linear, norm }

    let stored: String
    let name: String
    let shape: [Int]
    let kind: Kind

    static func all(_ shape: Gemma3Shape, untied: Bool) -> [Gemma3Part] {
        let hidden = shape.hiddenSize
        let table = [shape.vocabularySize, hidden]
        var parts = [
            Gemma3Part(
                stored: "token_embd.weight", name: "model.embed_tokens.weight", shape: table, kind: .embedding),
            Gemma3Part(stored: "output_norm.weight", name: "model.norm.weight", shape: [hidden], kind: .norm),
        ]
        if untied {
            parts.append(Gemma3Part(stored: "output.weight", name: "lm_head.weight", shape: table, kind: .embedding))
        }
        let query = shape.heads * shape.headDimension
        let keyValue = shape.keyValueHeads * shape.headDimension
        let head = shape.headDimension
        let inner = shape.intermediateSize
        let layer: [(String, String, [Int])] = [
            ("attn_q", "self_attn.q_proj", [query, hidden]),
            ("attn_k", "self_attn.k_proj", [keyValue, hidden]),
            ("attn_v", "self_attn.v_proj", [keyValue, hidden]),
            ("attn_output", "self_attn.o_proj", [hidden, query]),
            ("ffn_gate", "mlp.gate_proj", [inner, hidden]),
            ("ffn_up", "mlp.up_proj", [inner, hidden]),
            ("ffn_down", "mlp.down_proj", [hidden, inner]),
            ("attn_q_norm", "self_attn.q_norm", [head]),
            ("attn_k_norm", "self_attn.k_norm", [head]),
            ("attn_norm", "input_layernorm", [hidden]),
            ("post_attention_norm", "post_attention_layernorm", [hidden]),
            ("ffn_norm", "pre_feedforward_layernorm", [hidden]),
            ("post_ffw_norm", "post_feedforward_layernorm", [hidden]),
        ]
        for index in 0..<shape.layers {
            for (stored, name, shape) in layer {
                parts.append(
                    Gemma3Part(
                        stored: "blk.\(index).\(stored).weight", name: "model.layers.\(index).\(name).weight",
                        shape: shape, kind: shape.count == 1 ? .norm : .linear))
            }
        }
        return parts
    }
}
