@testable import Batching
@testable import Engine
import TestSupport
import Testing

@Suite struct LifecycleTests {
    private let message = TokenizedMessage(ids: [1, 2, 3])

    private func service(
        _ control: FakeEngineControl = FakeEngineControl(),
        configuration: BatchingConfiguration = BatchingConfiguration(latencyBound: .seconds(20)),
        observer: (any BatchingObserver)? = nil
    ) -> EngineService {
        EngineService(configuration: configuration, observer: observer) { FakeEngine(control: control) }
    }

    @Test func admitsNothingBeforeItIsReady() async throws {
        let service = service()
        #expect(service.state == .starting && service.model == nil)
        await #expect(throws: BatchingError.notReady) { try await service.classify(message) }
        try await service.start()
        #expect(service.state == .ready && service.model?.generation == 1)
        _ = try await service.classify(message)
        await service.stop()
    }

    @Test func isNotReadyWhileTheSelfTestRuns() async throws {
        let control = FakeEngineControl()
        control.hold()
        let service = service(control)
        let start = Task { try await service.start() }
        #expect(await eventually { control.batches.count == 1 })
        #expect(service.state == .starting)
        await #expect(throws: BatchingError.notReady) { try await service.classify(message) }
        control.release()
        try await start.value
        try await service.start()
        #expect(service.state == .ready, "starting again changes nothing")
        await service.stop()
    }

    @Test func aModelThatCannotBeLoadedFailsTheStart() async {
        let observer = RecordingObserver()
        let service = EngineService(observer: observer) { () throws(EngineError) in throw .mismatch("no such thing") }
        await #expect(throws: BatchingError.engine(.mismatch("no such thing"))) { try await service.start() }
        #expect(service.state == .failed(reason: "no such thing"))
        #expect(observer.states == [.failed(reason: "no such thing")])
        await #expect(throws: BatchingError.notReady) { try await service.classify(message) }
        await #expect(throws: BatchingError.notReady) { try await service.start() }
        await service.drain()
        await service.stop()
    }

    @Test func aModelThatFailsItsSelfTestFailsTheStart() async {
        let control = FakeEngineControl()
        control.answerNotANumber()
        let service = service(control)
        await #expect(throws: BatchingError.selfTestFailed("the probabilities do not sum to 1")) {
            try await service.start()
        }
        #expect(control.stops == 1)
    }

    @Test func drainingFinishesWhatWasAdmitted() async throws {
        let control = FakeEngineControl()
        let service = service(control)
        try await service.start()
        control.forget()
        control.hold()
        let tasks = (0..<20).map { _ in Task { try await service.classify(message) } }
        #expect(await eventually { service.snapshot().totals.admitted == 20 })
        let drained = Task { await service.drain() }
        #expect(await eventually { service.state == .draining })
        await #expect(throws: BatchingError.draining) { try await service.classify(message) }
        control.release()
        await drained.value
        let totals = service.snapshot().totals
        #expect(totals.answeredInTime == 20)
        for task in tasks { _ = try await task.value }
        await service.stop()
        #expect(service.state == .stopped && control.stops == 1)
    }

    @Test func drainingAnIdleServiceReturnsAtOnce() async throws {
        let service = service()
        try await service.start()
        await service.drain()
        await service.drain()
        await service.stop()
        await service.stop()
        #expect(service.state == .stopped)
        await #expect(throws: BatchingError.draining) { try await service.classify(message) }
    }

    @Test func stoppingBeforeStartingIsPossible() async {
        let service = service()
        await service.stop()
        #expect(service.state == .stopped)
        await #expect(throws: BatchingError.draining) { try await service.start() }
    }

    @Test func stoppingWhileLoadingEndsTheStart() async {
        let control = FakeEngineControl()
        control.hold()
        let service = service(control)
        let start = Task { try await service.start() }
        #expect(await eventually { control.batches.count == 1 })
        let stop = Task { await service.stop() }
        #expect(await eventually { service.state == .draining })
        control.release()
        await #expect(throws: BatchingError.draining) { try await start.value }
        await stop.value
        #expect(service.state == .stopped && control.stops == 1)
    }

    /// As a model of billions of weights does with a long message.
    @Test func anEngineThatIsSlowAsPredictedDoesNotHang() async throws {
        let control = FakeEngineControl()
        control.slow(secondsPerToken: 0.002)
        let configuration = BatchingConfiguration(latencyBound: .milliseconds(50), stallLimit: .milliseconds(100))
        let service = service(control, configuration: configuration)
        try await service.start()
        let answer = try await service.classify(TokenizedMessage(ids: [Int32](repeating: 1, count: 200)))
        #expect(answer.computeTime > configuration.stallLimit)
        #expect(service.state == .ready)
        await service.stop()
    }

    @Test func anEngineThatHangsLetsEveryoneGo() async throws {
        let control = FakeEngineControl()
        let observer = RecordingObserver()
        let configuration = BatchingConfiguration(latencyBound: .seconds(20), stallLimit: .seconds(1))
        let service = service(control, configuration: configuration, observer: observer)
        try await service.start()
        control.forget()
        control.hold()
        let running = Task { try await service.classify(message) }
        #expect(await eventually { control.batches.count == 1 })
        let waiting = Task { try await service.classify(message) }
        await #expect(throws: BatchingError.notReady) { try await running.value }
        await #expect(throws: BatchingError.notReady) { try await waiting.value }
        guard case .failed(let reason) = service.state else { Issue.record("\(service.state)"); return }
        #expect(reason.contains("3 tokens"))
        #expect(observer.states.last == service.state)
        await service.stop()
        // When the engine comes back after all, its thread ends quietly.
        control.release()
        #expect(await eventually { control.stops == 1 })
        let totals = service.snapshot().totals
        #expect(totals.failed == 2)
    }
}

/// What comes at the same moment, many times over.
@Suite struct LifecycleRaceTests {
    @Test(arguments: 0..<100) func drainingEndsWhenTheLastCallerLeaves(round: Int) async throws {
        let service = EngineService(configuration: BatchingConfiguration(latencyBound: .seconds(20))) { FakeEngine() }
        try await service.start()
        let calls = (0..<4).map { _ in Task { try await service.classify(TokenizedMessage(ids: [1])) } }
        if round % 2 == 0 { await Task.yield() }
        async let drained: Void = service.drain()
        for call in calls { call.cancel() }
        await drained
        for call in calls { _ = await call.result }
        await service.stop()
        #expect(service.state == .stopped)
    }
}
