@testable import Batching
@testable import Engine
import TestSupport
import Testing

@Suite struct ReplacementTests {
    private let message = TokenizedMessage(ids: [1, 2, 3])

    private func started(
        _ control: FakeEngineControl = FakeEngineControl(), observer: (any BatchingObserver)? = nil
    ) async throws -> EngineService {
        let service = EngineService(
            configuration: BatchingConfiguration(latencyBound: .seconds(20)), observer: observer
        ) { FakeEngine(version: "1", control: control) }
        try await service.start()
        return service
    }

    @Test func answersNameTheModelThatComputedThem() async throws {
        let old = FakeEngineControl(), new = FakeEngineControl()
        let observer = RecordingObserver()
        let service = try await started(old, observer: observer)
        #expect(try await service.classify(message).model.description.version == "1")
        let model = try await service.replaceEngine { FakeEngine(version: "2", control: new) }
        #expect(model.generation == 2 && service.model?.generation == 2)
        #expect(try await service.classify(message).model.description.version == "2")
        #expect(await eventually { old.stops == 1 })
        #expect(observer.generations == [1, 2])
        #expect(new.threads == ["intent-loader", "intent-engine"])
        await service.stop()
        #expect(new.stops == 1 && old.stops == 1)
    }

    @Test func noRequestIsDroppedWhileModelsAreReplaced() async throws {
        let service = try await started()
        let isDone = Monitor(false)
        let answers = Task {
            var versions: [String: Int] = [:]
            while !isDone.withLock({ $0 }) {
                let results = try await service.classify(Array(repeating: message, count: 5))
                for result in results { versions[try result.get().model.description.version, default: 0] += 1 }
            }
            return versions
        }
        for version in 2...20 {
            let model = try await service.replaceEngine { FakeEngine(version: "\(version)") }
            #expect(model.generation == version)
            let before = service.snapshot().totals.answeredInTime
            #expect(await eventually { service.snapshot().totals.answeredInTime > before })
        }
        isDone.withLock { $0 = true }
        let versions = try await answers.value
        #expect(versions.count >= 19)
        let totals = service.snapshot().totals
        #expect(totals.refused == 0 && totals.expired == 0 && totals.failed == 0)
        await service.stop()
    }

    @Test func aReplacedEngineReturnsItsMemory() async throws {
        let first = FakeEngineControl(), second = FakeEngineControl()
        let service = try await started(first)
        _ = try await service.replaceEngine { FakeEngine(version: "2", control: second) }
        #expect(await eventually { first.frees == 1 })
        _ = try await service.replaceEngine { FakeEngine(version: "3") }
        #expect(await eventually { second.frees == 1 })
        await service.stop()
    }

    @Test func theRunningBatchFinishesOnTheOldModel() async throws {
        let old = FakeEngineControl()
        let service = try await started(old)
        old.hold()
        let running = Task { try await service.classify(message) }
        #expect(await eventually { service.snapshot().runningMessages == 1 })
        let replacement = Task { try await service.replaceEngine { FakeEngine(version: "2") } }
        let waiting = Task { try await service.classify(message) }
        #expect(await eventually { service.snapshot().queuedMessages == 1 })
        await #expect(throws: BatchingError.replacementInProgress) {
            try await service.replaceEngine { FakeEngine(version: "3") }
        }
        old.release()
        #expect(try await running.value.model.generation == 1)
        #expect(try await replacement.value.generation == 2)
        _ = try await waiting.value
        await service.stop()
    }

    @Test func aReplacementThatCannotBeLoadedLeavesTheOldModel() async throws {
        let service = try await started()
        await #expect(throws: BatchingError.engine(.unsupported("DoRA"))) {
            try await service.replaceEngine { () throws(EngineError) in throw .unsupported("DoRA") }
        }
        #expect(try await service.classify(message).model.generation == 1)
        // And another may be tried.
        #expect(try await service.replaceEngine { FakeEngine(version: "2") }.generation == 2)
        await service.stop()
    }

    @Test func aReplacementThatFailsItsSelfTestLeavesTheOldModel() async throws {
        let old = FakeEngineControl(), new = FakeEngineControl()
        new.answerNotANumber()
        let service = try await started(old)
        await #expect(throws: BatchingError.selfTestFailed("the probabilities do not sum to 1")) {
            try await service.replaceEngine { FakeEngine(version: "2", control: new) }
        }
        #expect(try await service.classify(message).model.description.version == "1")
        #expect(new.stops == 1 && old.stops == 0)
        await service.stop()
    }

    @Test func aReplacementThatReadsTextDifferentlyIsRefused() async throws {
        let service = try await started()
        for engine in [{ FakeEngine(maximumTokens: 100) }, { FakeEngine(wordsPerToken: 2) }] as [EngineMaker] {
            let error = await #expect(throws: BatchingError.self) { try await service.replaceEngine { engine() } }
            guard case .incompatibleReplacement? = error else { Issue.record("\(error as Any)"); continue }
        }
        #expect(service.model?.generation == 1)
        await service.stop()
    }

    private typealias EngineMaker = @Sendable () -> FakeEngine

    @Test func aServiceThatIsNotReadyReplacesNothing() async throws {
        let service = EngineService { FakeEngine() }
        await #expect(throws: BatchingError.notReady) { try await service.replaceEngine { FakeEngine() } }
        try await service.start()
        await service.stop()
        await #expect(throws: BatchingError.draining) { try await service.replaceEngine { FakeEngine() } }
    }

    @Test func stoppingWhileAReplacementLoadsEndsIt() async throws {
        let new = FakeEngineControl()
        let service = try await started()
        new.hold()
        let replacement = Task { try await service.replaceEngine { FakeEngine(version: "2", control: new) } }
        #expect(await eventually { new.batches.count == 1 })
        await service.stop()
        new.release()
        await #expect(throws: BatchingError.draining) { try await replacement.value }
        #expect(await eventually { new.stops == 1 })
    }
}
