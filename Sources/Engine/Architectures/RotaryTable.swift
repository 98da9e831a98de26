import Checkpoint
import Glibc

/// Cosines and sines of the rotary position embedding (Su et al. 2021), one row of `headSize / 2` a position.
struct RotaryTable: Sendable {
    /// Rows.
    let positions: Int
    /// Elements of a row: half a head.
    let width: Int
    /// [positions, width].
    let cosines: AlignedBuffer<Float>
    let sines: AlignedBuffer<Float>

    /// How many numbers it holds.
    var count: Int { cosines.count + sines.count }

    /// Angles are f32 products of position and frequency, as in transformers.
    init(_ embedding: RotaryEmbedding, headSize: Int, positions: Int) {
        let frequencies = Self.frequencies(embedding, headSize: headSize)
        self.positions = positions
        width = frequencies.count
        cosines = AlignedBuffer(count: positions * width)
        sines = AlignedBuffer(count: positions * width)
        for position in 0..<positions {
            for (index, frequency) in frequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                cosines[position * width + index] = Float(cos(angle))
                sines[position * width + index] = Float(sin(angle))
            }
        }
    }

    /// theta^(-2i / headSize) with the configured scaling, in f32.
    /// Source of the Llama 3 rule: transformers `modeling_rope_utils.py`, `_compute_llama3_parameters`.
    static func frequencies(_ embedding: RotaryEmbedding, headSize: Int) -> [Float] {
        (0..<headSize / 2).map { index in
            let exact = pow(embedding.theta, -Double(2 * index) / Double(headSize))
            switch embedding.scaling {
            case .none:
                return Float(exact)
            case .linear(let factor):
                return Float(exact / factor)
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / exact
                if wavelength > Double(original) / low { return Float(exact / factor) }
                if wavelength < Double(original) / high { return Float(exact) }
                let smooth = (Double(original) / wavelength - low) / (high - low)
                return Float((1 - smooth) * exact / factor + smooth * exact)
            }
        }
    }
}
