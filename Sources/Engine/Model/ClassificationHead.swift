/// Hidden states to calibrated probabilities: pooling, the f32 head, temperature, the scope detector.
struct ClassificationHead {
    let labelCount: Int
    let pooling: ModelSettings.Pooling
    let skipsBOS: Bool
    let temperature: Float
    let detector: ScopeDetector?

    /// [labels, hidden], row-major.
    private let weight: AlignedBuffer<Float>
    private let bias: [Float]?
    private let hiddenSize: Int

    init(
        weight values: [Float], bias: [Float]?, labelCount: Int, hiddenSize: Int, settings: ModelSettings,
        detector: ScopeDetector?
    ) {
        self.labelCount = labelCount
        self.hiddenSize = hiddenSize
        self.bias = bias
        self.detector = detector
        pooling = settings.pooling ?? .last
        skipsBOS = settings.poolSkipsBOS ?? false
        temperature = settings.calibration?.temperature ?? 1
        weight = AlignedBuffer(count: values.count)
        for (index, value) in values.enumerated() { weight[index] = value }
    }

    /// Of the head, and of the detector where it has tensors.
    var memory: [MemoryPart] {
        let head = MemoryPart(name: "classification head", floats: weight.count + (bias?.count ?? 0))
        let scope = detector.map { MemoryPart(name: "scope detector", floats: $0.count) }
        return [head] + [scope].compactMap { $0 }.filter { $0.bytes > 0 }
    }

    /// One prediction from a message's hidden states, row-major [tokens, hidden].
    /// - Throws: `EngineError.notFinite`.
    func predict(_ hidden: UnsafeBufferPointer<Float>) throws(EngineError) -> Prediction {
        let feature = pool(hidden)
        let logits = logits(of: feature)
        guard logits.allSatisfy(\.isFinite) else { throw .notFinite }
        let isOutOfScope = feature.withUnsafeBufferPointer { feature in
            detector?.isOutOfScope(feature: feature, logits: logits) ?? false
        }
        return Prediction(logits: logits, temperature: temperature, isOutOfScope: isOutOfScope)
    }

    /// The feature that the head reads: one row, or the mean of rows in order.
    func pool(_ hidden: UnsafeBufferPointer<Float>) -> [Float] {
        let tokens = hidden.count / hiddenSize
        switch pooling {
        case .last:
            return Array(hidden[((tokens - 1) * hiddenSize)...])
        case .mean:
            let first = skipsBOS && tokens > 1 ? 1 : 0
            var sum = [Float](repeating: 0, count: hiddenSize)
            for token in first..<tokens {
                let start = token * hiddenSize
                for index in 0..<hiddenSize { sum[index] += hidden[start + index] }
            }
            let scale = 1 / Float(tokens - first)
            return sum.map { $0 * scale }
        }
    }

    /// The head's products, each summed in eight fixed lanes: the same bits wherever it runs.
    private func logits(of feature: [Float]) -> [Float] {
        feature.withUnsafeBufferPointer { feature in
            (0..<labelCount).map { label in
                let row = weight.pointer + label * hiddenSize
                var lanes = SIMD8<Float>.zero
                var index = 0
                while index + 8 <= hiddenSize {
                    var x = SIMD8<Float>.zero, w = SIMD8<Float>.zero
                    for lane in 0..<8 {
                        x[lane] = feature[index + lane]
                        w[lane] = row[index + lane]
                    }
                    lanes += x * w
                    index += 8
                }
                var sum = lanes.sum()
                while index < hiddenSize {
                    sum += feature[index] * row[index]
                    index += 1
                }
                return sum + (bias?[label] ?? 0)
            }
        }
    }
}
