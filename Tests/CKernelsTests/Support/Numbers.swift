/// What a test's inputs look like.
enum NumberKind: String, CaseIterable, Sendable {
    case normal, outliers, flat, denormal, huge, tiny, zero
}

/// The same numbers on every machine: xorshift64* (Vigna 2014).
struct Numbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func bits() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// In 0 ..< bound.
    mutating func below(_ bound: Int) -> Int { Int(bits() % UInt64(bound)) }

    /// Roughly normal with deviation 1.
    mutating func normal() -> Float {
        (0..<3).reduce(0) { sum, _ in sum + Float(bits() >> 40) * 0x1p-23 - 1 }
    }

    mutating func row(_ kind: NumberKind, _ count: Int) -> [Float] {
        var left = 0
        var level: Float = 0
        return (0..<count).map { _ in
            let value = normal()
            switch kind {
            case .normal: return value
            case .outliers: return below(50) == 0 ? value * 100 : value
            case .flat:
                // Long runs at the largest magnitude and of one sign: the largest sums of integers that there are.
                if left == 0 { (left, level) = (1 + below(200), below(2) == 0 ? 1 : -1) }
                left -= 1
                return level
            case .denormal: return value * 1e-40
            case .huge: return value * 1e30
            case .tiny: return value * 1e-28
            case .zero: return 0
            }
        }
    }
}

/// Whether two results are the same bits, or both NaN.
func same(_ a: Float, _ b: Float) -> Bool { a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN) }

/// Index of the first element whose bits differ.
func firstDifference(_ a: [Float], _ b: [Float]) -> Int? {
    zip(a, b).enumerated().first { !same($0.element.0, $0.element.1) }?.offset
}

/// Index of the first element that is further from its twin than `bound` says; NaN is.
func firstBeyond(_ a: [Float], _ b: [Float], _ bound: (Int) -> Float) -> Int? {
    a.indices.first { !(abs(a[$0] - b[$0]) <= bound($0)) }
}
