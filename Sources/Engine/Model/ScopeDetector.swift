import Checkpoint
import Glibc

/// Tells messages that the model was not trained for by one score; higher is more in scope.
struct ScopeDetector: Sendable {
    private let method: ModelSettings.OutOfScope.Method
    private let threshold: Float
    /// [classes, width], row-major, of length 1 for `cosine`; empty for `energy`.
    private let means: [Float]
    private let center: [Float]?
    /// [width, hidden], row-major; only for `mahalanobis`.
    private let projection: [Float]
    private let width: Int

    /// Largest tensor file accepted, in bytes: a projection of 16384 inputs and outputs.
    private static let fileLimit = 1 << 30

    /// Reads the settings' tensor file to memory: it may be written over at any time, as the adapter's files may.
    /// - Parameter folder: where the file lies.
    init(_ settings: ModelSettings.OutOfScope, folder: String, hiddenSize: Int) throws(EngineError) {
        method = settings.method
        threshold = settings.threshold
        guard settings.method != .energy, let name = settings.tensors else {
            (means, center, projection, width) = ([], nil, [], 0)
            return
        }
        let path = folder + "/" + name
        let file: SafetensorsFile
        do { file = try SafetensorsFile(copying: path, limit: Self.fileLimit) } catch {
            throw .checkpoint(.safetensors(error))
        }
        func floats(_ name: String, _ fits: ([Int]) -> Bool) throws(EngineError) -> [Float]? {
            guard let tensor = file[name] else { return nil }
            guard fits(tensor.shape), let values = try? tensor.floats(), values.allSatisfy(\.isFinite) else {
                throw .invalidFile(path: path, reason: "tensor \(name) has shape \(tensor.shape) or bad values")
            }
            return values
        }
        if settings.method == .mahalanobis {
            projection = try floats("projection") { $0.count == 2 && $0[0] > 0 && $0[1] == hiddenSize } ?? []
            guard !projection.isEmpty else { throw .invalidFile(path: path, reason: "tensor projection is missing") }
        } else {
            projection = []
        }
        let width = projection.isEmpty ? hiddenSize : projection.count / hiddenSize
        self.width = width
        var means = try floats("means") { $0.count == 2 && $0[0] > 0 && $0[1] == width } ?? []
        guard !means.isEmpty else { throw .invalidFile(path: path, reason: "tensor means is missing") }
        if settings.method == .cosine { Self.normalise(&means, width) }
        self.means = means
        center = try floats("center") { $0 == [hiddenSize] }
    }

    /// How many numbers it holds.
    var count: Int { means.count + (center?.count ?? 0) + projection.count }

    /// True if the score is below the threshold.
    func isOutOfScope(feature: UnsafeBufferPointer<Float>, logits: [Float]) -> Bool {
        score(feature: feature, logits: logits) < threshold
    }

    func score(feature: UnsafeBufferPointer<Float>, logits: [Float]) -> Float {
        switch method {
        case .energy:
            let top = logits.max() ?? 0
            return top + log(logits.reduce(0) { $0 + exp($1 - top) })
        case .cosine:
            var centred = Array(feature)
            if let center { for index in centred.indices { centred[index] -= center[index] } }
            let length = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0 else { return -1 }
            return classes.map { dot($0, centred) / length }.max() ?? -1
        case .mahalanobis:
            let hidden = feature.count
            let projected = (0..<width).map { row in
                (0..<hidden).reduce(Float(0)) { $0 + projection[row * hidden + $1] * feature[$1] }
            }
            return classes.map { start in
                -(0..<width).reduce(Float(0)) { sum, index in
                    let difference = projected[index] - means[start + index]
                    return sum + difference * difference
                }
            }.max() ?? -.infinity
        }
    }

    /// Gives each row the length 1; a row of zeros stays.
    private static func normalise(_ rows: inout [Float], _ width: Int) {
        for start in stride(from: 0, to: rows.count, by: width) {
            let length = rows[start..<start + width].reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0 else { continue }
            for index in start..<start + width { rows[index] /= length }
        }
    }

    /// Where each class's mean starts.
    private var classes: StrideTo<Int> { stride(from: 0, to: means.count, by: width) }

    private func dot(_ start: Int, _ vector: [Float]) -> Float {
        (0..<width).reduce(Float(0)) { $0 + means[start + $1] * vector[$1] }
    }
}
