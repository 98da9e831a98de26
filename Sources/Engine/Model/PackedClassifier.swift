import CKernels
import Synchronization

/// The fast path: packed batches through the kernels.
final class PackedClassifier: MessageClassifier {
    private let decoder: Decoder
    /// For a model with a head, on few threads.
    private let lanes: DecoderLanes?
    private let answer: Answer
    private let hiddenSize: Int

    /// What reads the hidden states.
    private enum Answer {
        case head(ClassificationHead)
        case labels(ContinuationScorer, LabelTrie, temperature: Float)
    }

    let memory: [MemoryPart]
    var workspaceBytes: Int {
        var bytes = decoder.workspace.byteCount + (lanes?.byteCount ?? 0)
        if case .labels(let scorer, _, _) = answer { bytes += scorer.workspaceBytes }
        return bytes
    }
    var capacity: Int { decoder.workspace.rows }
    let extraTokens: Int

    /// Reads, merges and packs the weights.
    /// - Parameters:
    ///   - prompt: for a causal language model; nil for a model with a head.
    ///   - group: inputs that share an activation scale in int8 and nf4.
    ///   - rows: tokens of a run, at least; more if one message needs them.
    init(
        _ files: ModelFiles, prompt: LabelPrompt?, format: ck_format, group: Int, rows: Int, kernels: KernelSet,
        pool: ForkJoinPool, progress: (Int) -> Void
    ) throws(EngineError) {
        let plan = files.plan
        hiddenSize = plan.hiddenSize
        extraTokens = prompt?.extraTokens ?? 0
        let treePositions = prompt.map { files.maximumTokens + $0.trie.depth } ?? 0
        let weights = try DecoderWeights(
            files.source, plan: plan, positions: max(files.maximumTokens, treePositions), format: format,
            group: group, kernels: kernels, pool: pool, progress: progress)
        decoder = Decoder(
            plan: plan, weights: weights, format: format, group: group, kernels: kernels, pool: pool,
            rows: max(rows, files.maximumTokens + extraTokens), treePositions: treePositions)
        lanes = prompt == nil ? DecoderLanes(like: decoder, pool: pool) : nil
        if let prompt {
            let scorer = try ContinuationScorer(
                files.source, trie: prompt.trie, format: format, group: group, kernels: kernels, pool: pool)
            answer = .labels(scorer, prompt.trie, temperature: files.settings.calibration?.temperature ?? 1)
            memory = weights.memory + [scorer.memory]
        } else if let head = files.head {
            answer = .head(head)
            memory = weights.memory + head.memory
        } else {
            throw .mismatch("\(files.folder.path) has neither a classification head nor a prompt")
        }
    }

    func predictions(_ messages: [[Int32]]) -> [Result<Prediction, EngineError>] {
        switch answer {
        case .head(let head):
            if let lanes, let pieces = lanes.pieces(messages.map(\.count)) {
                return predictions(messages, head, lanes, pieces)
            }
            let batch = run(messages, nil)
            return (0..<batch.messageCount).map { index in
                predict { () throws(EngineError) in try head.predict(states(batch.span(index))) }
            }
        case .labels(let scorer, let trie, let temperature):
            let batch = run(messages, trie)
            return (0..<batch.messageCount).map { index in
                let row = batch.span(index).lowerBound + batch.promptLength(index) - 1
                let scores = scorer.scores(decoder.workspace.residual.pointer + row * hiddenSize)
                guard scores.allSatisfy(\.isFinite) else { return .failure(.notFinite) }
                return .success(Prediction(logits: scores, temperature: temperature, isOutOfScope: false))
            }
        }
    }

    private func predictions(
        _ messages: [[Int32]], _ head: ClassificationHead, _ lanes: DecoderLanes, _ pieces: BatchPieces
    ) -> [Result<Prediction, EngineError>] {
        let answers = Mutex<[Int: Result<Prediction, EngineError>]>([:])
        lanes.run(messages, pieces) { index, states, tokens in
            let states = UnsafeBufferPointer(start: states, count: tokens * hiddenSize)
            let answer = predict { () throws(EngineError) in try head.predict(states) }
            answers.withLock { $0[index] = answer }
        }
        // Every message is in one piece, so none is missing.
        return answers.withLock { answers in messages.indices.map { answers[$0] ?? .failure(.notFinite) } }
    }

    func hiddenStates(_ message: [Int32]) -> [Float] { Array(states(run([message], nil).span(0))) }

    private func run(_ messages: [[Int32]], _ trie: LabelTrie?) -> PackedBatch {
        var batch = PackedBatch(trie: trie)
        for message in messages { batch.append(message) }
        decoder.run(batch)
        return batch
    }

    /// Rows of the last run.
    private func states(_ rows: Range<Int>) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(
            start: decoder.workspace.residual.pointer + rows.lowerBound * hiddenSize, count: rows.count * hiddenSize)
    }

    private func predict(_ body: () throws(EngineError) -> Prediction) -> Result<Prediction, EngineError> {
        do throws(EngineError) { return .success(try body()) } catch { return .failure(error) }
    }
}
