extension ConfigurationFields {
    /// Rotary embeddings of full and of sliding layers, in the spelling of transformers 4 (`rope_theta`,
    /// `rope_local_base_freq`, `rope_scaling`) or 5 (`rope_parameters`, for Gemma 3 one object a layer type).
    func rotary(
        _ architecture: ModelConfiguration.Architecture, maximumPositions: Int
    ) throws(ConfigurationError) -> (full: RotaryEmbedding, sliding: RotaryEmbedding) {
        let isGemma = architecture == .gemma3
        let theta = try number("rope_theta", default: isGemma ? 1_000_000 : 10_000, in: Self.thetaRange)
        var full = RotaryEmbedding(theta: theta)
        var sliding = full
        if isGemma {
            sliding.theta = try number("rope_local_base_freq", default: 10_000, in: Self.thetaRange)
        }
        if let partial = self["partial_rotary_factor"], partial.double != 1 {
            throw .unsupportedFeature("partial_rotary_factor")
        }
        for name in ["rope_parameters", "rope_scaling"] {
            guard let value = self[name] else { continue }
            guard let object = value.object else { throw .invalid(field: name, reason: "is not an object") }
            let fields = ConfigurationFields(object)
            let perLayer = fields["full_attention"]?.object != nil || fields["sliding_attention"]?.object != nil
            if perLayer {
                if let inner = fields["full_attention"]?.object {
                    full = try ConfigurationFields(inner).rotary(full, maximumPositions)
                }
                if let inner = fields["sliding_attention"]?.object {
                    sliding = try ConfigurationFields(inner).rotary(sliding, maximumPositions)
                }
            } else {
                // Gemma 3 scales its full layers only.
                full = try fields.rotary(full, maximumPositions)
                if !isGemma { sliding = full }
            }
        }
        return (full, sliding)
    }

    private static var thetaRange: ClosedRange<Double> { 1...1e12 }

    private func rotary(
        _ base: RotaryEmbedding, _ maximumPositions: Int
    ) throws(ConfigurationError) -> RotaryEmbedding {
        var result = base
        result.theta = try number("rope_theta", default: base.theta, in: Self.thetaRange)
        if let partial = self["partial_rotary_factor"], partial.double != 1 {
            throw .unsupportedFeature("partial_rotary_factor")
        }
        switch try string("rope_type", or: "type") ?? "default" {
        case "default": result.scaling = .none
        case "linear": result.scaling = .linear(factor: try requiredNumber("factor", in: 1...1e6))
        case "llama3":
            let low = try requiredNumber("low_freq_factor", in: 1e-6...1e6)
            let high = try requiredNumber("high_freq_factor", in: 1e-6...1e6)
            guard high > low else { throw .invalid(field: "high_freq_factor", reason: "is not above low_freq_factor") }
            result.scaling = .llama3(
                factor: try requiredNumber("factor", in: 1...1e6),
                lowFrequencyFactor: low, highFrequencyFactor: high,
                originalPositions: try extentIfPresent("original_max_position_embeddings") ?? maximumPositions)
        case let other: throw .unsupportedRope(other)
        }
        return result
    }
}
