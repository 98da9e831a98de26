import Engine

/// Loads the engine with its progress on the terminal.
enum EngineLoader {
    /// - Throws: `EngineError`.
    static func load(_ options: LoadOptions) throws(EngineError) -> IntentEngine {
        var progress = ProgressLine()
        defer { progress.clear() }
        return try IntentEngine(options) { done, total in
            progress.show { "loading \(options.model): layer \(done) of \(total)" }
        }
    }
}
