import Checkpoint
import Glibc

/// The plain path: one message at a time through `ReferenceDecoder`, and one run a label behind a prompt.
final class ReferenceClassifier: MessageClassifier {
    private let decoder: ReferenceDecoder
    private let head: ClassificationHead?
    private let hiddenSize: Int
    private let labels: Labels?

    /// What scoring labels behind a prompt needs.
    private struct Labels {
        var sequences: [[Int32]]
        var head: ReferenceMatrix
        var softcap: Float?
        var temperature: Float
    }

    let memory: [MemoryPart]
    var workspaceBytes: Int { 0 }
    let capacity: Int
    var extraTokens: Int { 0 }

    init(_ files: ModelFiles, prompt: LabelPrompt?, rows: Int) throws(EngineError) {
        let longest = prompt?.trie.depth ?? 0
        let weights = try ReferenceWeights(
            files.source, plan: files.plan, positions: files.maximumTokens + longest)
        decoder = ReferenceDecoder(plan: files.plan, weights: weights)
        head = files.head
        hiddenSize = files.plan.hiddenSize
        capacity = max(rows, files.maximumTokens)
        if let prompt {
            let matrix = try ReferenceMatrix(files.source.languageModelHead())
            labels = Labels(
                sequences: prompt.trie.labels.map { $0.map(\.token) }, head: matrix,
                softcap: files.source.base.configuration.finalLogitSoftcap,
                temperature: files.settings.calibration?.temperature ?? 1)
            let headBytes = matrix.values.count * MemoryLayout<Float>.stride
            memory = weights.memory
                + [MemoryPart(name: "language-model head", bytes: headBytes, f32Bytes: headBytes)]
        } else {
            labels = nil
            memory = weights.memory + (files.head?.memory ?? [])
        }
    }

    func predictions(_ messages: [[Int32]]) -> [Result<Prediction, EngineError>] {
        messages.map { message in
            if let labels { return score(message, labels) }
            let states = hiddenStates(message)
            do throws(EngineError) {
                guard let head else { throw .mismatch("the model has neither a classification head nor a prompt") }
                return .success(
                    try states.withUnsafeBufferPointer { states throws(EngineError) in try head.predict(states) })
            } catch {
                return .failure(error)
            }
        }
    }

    func hiddenStates(_ message: [Int32]) -> [Float] { decoder.hiddenStates(message) }

    /// Sums of log-probabilities, each label run behind the whole prompt.
    private func score(_ prompt: [Int32], _ labels: Labels) -> Result<Prediction, EngineError> {
        let scores = labels.sequences.map { sequence in
            let states = decoder.hiddenStates(prompt + sequence.dropLast())
            let first = (prompt.count - 1) * hiddenSize
            let logits = decoder.linear(Array(states[first...]), labels.head, rows: sequence.count)
            return sequence.indices.reduce(Float(0)) { sum, index in
                var line = Array(logits[index * labels.head.rows..<(index + 1) * labels.head.rows])
                if let cap = labels.softcap { line = line.map { cap * tanh($0 / cap) } }
                let top = line.max() ?? 0
                let normaliser = top + log(line.reduce(0) { $0 + exp($1 - top) })
                return sum + line[Int(sequence[index])] - normaliser
            }
        }
        guard scores.allSatisfy(\.isFinite) else { return .failure(.notFinite) }
        return .success(Prediction(logits: scores, temperature: labels.temperature, isOutOfScope: false))
    }
}
