import Checkpoint

/// A model's files opened and checked against each other, before any weight is read.
struct ModelFiles {
    let folder: ModelFolder
    let source: WeightSource
    let settings: ModelSettings
    let plan: DecoderPlan
    let labels: [String]
    /// Nil for a causal language model, which is asked by a prompt.
    let head: ClassificationHead?
    /// Tokens of a message that are read.
    let maximumTokens: Int
    /// `tokenizer.model` of the adapter, the model or the base, being read; nil if there is none.
    private let tokenizerLoad: TokenizerLoad?

    init(_ folder: ModelFolder) throws(EngineError) {
        self.folder = folder
        tokenizerLoad = folder.file("tokenizer.model").map(TokenizerLoad.init)
        let base: CheckpointFolder
        do { base = try CheckpointFolder(path: folder.base) } catch { throw .checkpoint(error) }
        var adapter: Adapter?
        do { adapter = try folder.adapter.map { path throws(AdapterError) in try Adapter(path: path) } } catch {
            throw .adapter(error)
        }
        let settingsPath = folder.file("intentd.json")
        settings = try settingsPath.map { path throws(EngineError) in try ModelSettings(path: path) } ?? ModelSettings()
        source = try WeightSource(base: base, adapter: adapter)
        let configuration = try base.configuration.applying(settings, adapter: adapter)
        plan = try ArchitectureRegistry.plan(configuration)

        maximumTokens = min(settings.maxTokens ?? 512, base.configuration.maximumPositions)
        guard settings.prompt == nil else {
            head = nil
            labels = try Self.labels(folder, configured: base.configuration.labels, count: nil)
            try Self.checkPrompt(settings, plan.attention)
            return
        }
        let weights = try source.head(hiddenSize: plan.hiddenSize)
        labels = try Self.labels(folder, configured: base.configuration.labels, count: weights.rows)
        var detector: ScopeDetector?
        if let scope = settings.abstention?.outOfScope, let settingsPath {
            detector = try ScopeDetector(
                scope, folder: settingsPath.droppingLastComponent, hiddenSize: plan.hiddenSize)
        }
        head = ClassificationHead(
            weight: weights.weight, bias: weights.bias, labelCount: weights.rows, hiddenSize: plan.hiddenSize,
            settings: settings, detector: detector)
    }

    /// Refuses what a prompt leaves no room for: it is answered behind its last token, by the language model's own head.
    private static func checkPrompt(_ settings: ModelSettings, _ attention: AttentionMode) throws(EngineError) {
        let refused = [
            ("bidirectional attention", attention == .bidirectional), ("pooling", settings.pooling != nil),
            ("pool_skips_bos", settings.poolSkipsBOS != nil),
            ("abstention.out_of_scope", settings.abstention?.outOfScope != nil),
        ]
        if let (what, _) = refused.first(where: \.1) { throw .unsupported("\(what) with a prompt") }
    }

    /// The prompt of a causal language model, tokenised; nil for a model with a head.
    func prompt() throws(EngineError) -> LabelPrompt? {
        guard let prompt = settings.prompt else { return nil }
        return try LabelPrompt(prompt, labels: labels, tokenizer: tokenizer().pieces)
    }

    /// Label names: `labels.json` beside the adapter or the model, else config.json's `id2label`.
    /// - Parameter count: outputs of the head, if there is one.
    private static func labels(
        _ folder: ModelFolder, configured: [String], count: Int?
    ) throws(EngineError) -> [String] {
        guard let path = folder.file("labels.json") else {
            guard let count, configured.count == count else {
                throw .mismatch(
                    "\(folder.path) names no labels: put labels.json, an array of "
                        + "\(count.map { "\($0) " } ?? "")strings, beside the adapter")
            }
            try check(configured, path: folder.base + "/config.json", field: "id2label: ")
            return configured
        }
        let labels = try ModelJSON.decode([String].self, path: path) { _ in "is not a JSON array of strings" }
        if let count, labels.count != count {
            throw .mismatch("\(path) has \(labels.count) labels, the head \(count) outputs")
        }
        try check(labels, path: path)
        return labels
    }

    private static func check(_ labels: [String], path: String, field: String = "") throws(EngineError) {
        guard !labels.isEmpty, Set(labels).count == labels.count, !labels.contains("") else {
            throw .invalidFile(path: path, reason: field + "labels must be distinct and not empty")
        }
    }

    /// The model's tokenizer, waited for.
    func tokenizer() throws(EngineError) -> MessageTokenizer {
        guard let tokenizerLoad else {
            throw .invalidFile(
                path: folder.base + "/tokenizer.model",
                reason: "missing; intentd needs the SentencePiece model that the base was trained with")
        }
        return try MessageTokenizer(
            tokenizerLoad, addsBOS: try addsBOS(), maximumTokens: maximumTokens, vocabularySize: plan.vocabularySize)
    }

    /// `add_bos_token` of tokenizer_config.json; true without it, as for Gemma and Llama.
    private func addsBOS() throws(EngineError) -> Bool {
        struct TokenizerConfiguration: Decodable {
            var add_bos_token: Bool?
        }
        guard let path = folder.file("tokenizer_config.json") else { return true }
        return try ModelJSON.decode(TokenizerConfiguration.self, path: path) { _ in
            "is not a JSON object whose add_bos_token is true, false or null"
        }.add_bos_token ?? true
    }

    func description(
        precision: Precision, precisionReason: String?, kernels: String, activationLimit: Int, threads: Int,
        memory: [MemoryPart], precisionMemory: [PrecisionMemory], workspaceBytes: Int
    ) -> ModelDescription {
        let configuration = source.base.configuration
        let embeddingBytes = (try? source.embeddings().byteCount) ?? 0
        let embeddings = MemoryPart(
            name: "embeddings (mapped file)", bytes: embeddingBytes,
            f32Bytes: plan.vocabularySize * plan.hiddenSize * MemoryLayout<Float>.stride)
        let update = source.adapter?.layers
        return ModelDescription(
            name: settings.name ?? folder.path.lastComponent, version: settings.version ?? "0", labels: labels,
            architecture: configuration.architecture.rawValue, layers: plan.layers.count,
            baseLayers: configuration.layerKinds.count, hiddenSize: plan.hiddenSize, attention: plan.attention,
            pooling: head?.pooling ?? .last, maximumTokens: maximumTokens, precision: precision,
            precisionReason: precisionReason, kernels: kernels, activationLimit: activationLimit, threads: threads,
            basePath: folder.base, adapterPath: folder.adapter, adaptedModules: update?.count ?? 0,
            adapterRank: source.adapter?.configuration.rank, weightBytes: memory.reduce(0) { $0 + $1.bytes },
            workspaceBytes: workspaceBytes,
            embeddingBytes: embeddingBytes, memory: memory + [embeddings], precisionMemory: precisionMemory,
            defaultThreshold: settings.abstention?.minConfidence ?? 0,
            scopeMethod: settings.abstention?.outOfScope?.method.rawValue)
    }
}

extension ModelConfiguration {
    /// The configuration with what `intentd.json` changes: fewer layers, another attention.
    fileprivate func applying(
        _ settings: ModelSettings, adapter: Adapter?
    ) throws(EngineError) -> ModelConfiguration {
        var result = self
        if let layers = settings.layers {
            guard layers <= layerCount else {
                throw .mismatch("intentd.json asks for \(layers) layers; the base has \(layerCount)")
            }
            result.layerCount = layers
            result.layerKinds = Array(layerKinds.prefix(layers))
        }
        if let attention = settings.attention { result.isBidirectional = attention == AttentionMode.bidirectional.rawValue }
        let changed = adapter.map { Array($0.layers.keys) + $0.replacements.keys }
        let unused = changed?.filter { module in
            let parts = module.split(separator: ".")
            guard let place = parts.firstIndex(of: "layers"), place + 1 < parts.count else { return false }
            return Int(parts[place + 1]).map { $0 >= result.layerCount } ?? false
        }
        if let first = unused?.min() {
            throw .mismatch("the adapter changes \(first), but only the first \(result.layerCount) layers run")
        }
        return result
    }
}

extension String {
    fileprivate var lastComponent: String { split(separator: "/").last.map(String.init) ?? self }

    fileprivate var droppingLastComponent: String {
        guard let slash = lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
