extension PackedLinear {
    /// Bytes of the side products alone.
    var sideBytes: Int { sideProducts?.byteCount ?? 0 }
    /// Bytes of the merged weights in f32.
    var f32Bytes: Int { outputs * inputs * MemoryLayout<Float>.stride }
}

extension DecoderWeights {
    /// What the decoder holds but for the embeddings. An adapter is merged into the weights, but for its side products
    /// in nf4.
    var memory: [MemoryPart] {
        func part(_ name: String, _ linears: (DecoderLayer) -> [PackedLinear]) -> MemoryPart {
            let all = layers.flatMap(linears)
            return MemoryPart(
                name: name, bytes: all.reduce(0) { $0 + $1.byteCount - $1.sideBytes },
                f32Bytes: all.reduce(0) { $0 + $1.f32Bytes })
        }
        var parts = [
            part("attention") { [$0.projections, $0.output] }, part("feed-forward") { [$0.gates, $0.down] },
        ]
        let side = layers.flatMap { [$0.projections, $0.output, $0.gates, $0.down] }.reduce(0) { $0 + $1.sideBytes }
        if side > 0 { parts.append(MemoryPart(name: "adapter", bytes: side, f32Bytes: 0)) }
        let small = layers.reduce(finalNorm.count) { $0 + $1.normsAndBiases }
        return parts + [
            MemoryPart(name: "norms and biases", floats: small),
            MemoryPart(name: "rotary tables", floats: rotary.reduce(0) { $0 + $1.count }),
        ]
    }
}

extension DecoderLayer {
    /// How many numbers its norms and biases hold.
    fileprivate var normsAndBiases: Int {
        let norms = [
            attentionNorm, feedForwardNorm, attentionOutputNorm, feedForwardOutputNorm, queryNorm, keyNorm,
        ]
        let biases = [projections, output, gates, down].map { $0.bias?.count ?? 0 }
        return norms.reduce(0) { $0 + ($1?.count ?? 0) } + biases.reduce(0, +)
    }
}
