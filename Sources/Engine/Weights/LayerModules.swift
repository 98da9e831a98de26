/// Names of one layer's modules in a transformers checkpoint.
struct LayerModules {
    private let prefix: String

    init(_ index: Int) { prefix = "model.layers.\(index)." }

    var query: String { prefix + "self_attn.q_proj" }
    var key: String { prefix + "self_attn.k_proj" }
    var value: String { prefix + "self_attn.v_proj" }
    var output: String { prefix + "self_attn.o_proj" }
    var gate: String { prefix + "mlp.gate_proj" }
    var up: String { prefix + "mlp.up_proj" }
    var down: String { prefix + "mlp.down_proj" }

    /// The weight of one of the layer's norms.
    func norm(_ name: String) -> String { prefix + name + ".weight" }
    func norm(_ name: String?) -> String? { name.map { norm($0) } }
}
