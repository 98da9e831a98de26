import Batching
import Engine
import Logging
import ServiceLifecycle

/// Owns the model for the life of the process: loads it, makes the service ready, replaces it when asked to, and stops
/// it after everything that was admitted has been answered.
struct ModelService: Service {
    let options: LoadOptions
    let classifier: EngineClassifier
    let readiness: Readiness
    let metrics: ServiceMetrics
    let replacements: ReplacementRequests
    let logger: Logger

    func run() async throws {
        do {
            try await classifier.start()
        } catch {
            await classifier.stop()
            throw StartError.model(error.description)
        }
        if let model = classifier.model { log("ready", model) }
        readiness.becomeReady(classifier)
        do {
            try await serve()
        } catch {
            await classifier.stop()
            throw error
        }
        await classifier.stop()
    }

    /// Until the shutdown, or until the engine fails.
    private func serve() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await reason in replacements.stream.cancelOnGracefulShutdown() { await replace(reason) }
            }
            group.addTask {
                for await reason in classifier.failures.cancelOnGracefulShutdown() {
                    throw StartError.model("the engine failed: \(reason)")
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func replace(_ reason: String) async {
        logger.info("replacing the model", metadata: ["reason": .string(reason)])
        do {
            let model = try await classifier.replace(options)
            metrics.replaced(.replaced)
            log("model replaced", model)
        } catch {
            metrics.replaced(.rolledBack)
            logger.error(
                "the new model was refused; the old one serves on", metadata: ["reason": .string("\(error)")])
        }
    }

    private func log(_ message: Logger.Message, _ model: ModelSummary) {
        logger.notice(
            message,
            metadata: [
                "model": .string(model.identity.name), "model_version": .string(model.identity.version),
                "precision": .string(model.precision), "kernels": .string(model.kernels),
                "threads": .stringConvertible(model.threads), "generation": .stringConvertible(model.generation),
            ])
    }
}
