@testable import Batching
@testable import Engine
import TestSupport
import Testing

@Suite struct EngineServiceTests {
    /// A service with a fake engine that has been started. Bounds are wide: these tests are not about time.
    private func started(
        _ control: FakeEngineControl = FakeEngineControl(), bound: Duration = .seconds(20),
        observer: (any BatchingObserver)? = nil
    ) async throws -> EngineService {
        let service = EngineService(
            configuration: BatchingConfiguration(latencyBound: bound), observer: observer
        ) { FakeEngine(control: control) }
        try await service.start()
        control.forget()
        return service
    }

    private func message(_ id: Int32, tokens: Int = 3) -> TokenizedMessage {
        TokenizedMessage(ids: [id] + Array(repeating: 2, count: tokens - 1))
    }

    /// Starts calls one by one, each waiting in the queue (or running) before the next.
    private func submit(_ service: EngineService, _ ids: [Int32]) async -> [Task<Answer, any Error>] {
        var tasks: [Task<Answer, any Error>] = []
        for id in ids {
            let before = service.snapshot().totals.admitted
            tasks.append(Task { try await service.classify(message(id)) })
            #expect(await eventually { service.snapshot().totals.admitted > before })
        }
        return tasks
    }

    @Test func answersWithThePredictionAndItsModel() async throws {
        let service = try await started()
        let odd = try await service.classify(message(7))
        let even = try await service.classify(message(8))
        #expect(odd.prediction == .certain(1) && even.prediction == .certain(0))
        #expect(odd.model.description.name == "fake" && odd.model.generation == 1)
        #expect(!odd.isLate)
        await service.stop()
    }

    @Test func runsOnItsOwnThreadOnly() async throws {
        let control = FakeEngineControl()
        let service = try await started(control)
        _ = try await service.classify(message(1))
        await service.stop()
        #expect(control.threads == ["intent-engine"])
        #expect(control.stops == 1)
    }

    @Test func arrivalsWhileTheEngineRunsBecomeOneBatch() async throws {
        let control = FakeEngineControl()
        let service = try await started(control)
        control.hold()
        let first = await submit(service, [1])
        #expect(await eventually { control.batches.count == 1 })
        let rest = await submit(service, [2, 3, 4])
        #expect(service.snapshot().queuedMessages == 3 && service.snapshot().runningMessages == 1)
        control.release()
        for (id, task) in zip([1, 2, 3, 4], first + rest) {
            #expect(try await task.value.prediction == .certain(id % 2))
        }
        #expect(control.batches.map { $0.map { $0.ids[0] } } == [[1], [2, 3, 4]])
        await service.stop()
    }

    @Test func aCallOfManyIsAnsweredInOrder() async throws {
        let service = try await started()
        let results = try await service.classify((0..<300).map { message($0) })
        #expect(try results.map { try $0.get().prediction } == (0..<300).map { .certain($0 % 2) })
        #expect(try await service.classify([TokenizedMessage]()).isEmpty)
        await service.stop()
    }

    @Test func aRowThatCannotBeRunFailsAlone() async throws {
        let service = try await started()
        let messages = [message(1), TokenizedMessage(ids: []), message(2, tokens: 513), message(4)]
        let results = try await service.classify(messages)
        #expect(try results[0].get().prediction == .certain(1))
        #expect(results[1].refusal == .engine(.emptyMessage))
        #expect(results[2].refusal == .engine(.messageTooLong(tokens: 513, limit: 512)))
        #expect(try results[3].get().prediction == .certain(0))
        await #expect(throws: BatchingError.engine(.emptyMessage)) {
            try await service.classify(TokenizedMessage(ids: []))
        }
        await service.stop()
    }

    @Test func anEngineErrorReachesItsCaller() async throws {
        let control = FakeEngineControl()
        let service = try await started(control)
        control.failAlways()
        await #expect(throws: BatchingError.engine(.notFinite)) { try await service.classify(message(1)) }
        await service.stop()
    }

    // MARK: Leaving early

    @Test func aCancelledCallerLeavesTheQueueAtOnce() async throws {
        let control = FakeEngineControl()
        let service = try await started(control)
        control.hold()
        let running = await submit(service, [1])
        #expect(await eventually { control.batches.count == 1 })
        let tasks = running + (await submit(service, [2, 3]))
        tasks[1].cancel()
        await #expect(throws: BatchingError.cancelled) { try await tasks[1].value }
        #expect(service.snapshot().totals.cancelled == 1)
        control.release()
        _ = try await tasks[0].value
        _ = try await tasks[2].value
        #expect(control.batches.joined().map { $0.ids[0] } == [1, 3], "it cost no compute")
        await service.stop()
    }

    @Test func aCallerWhoseBatchRunsMayLeaveToo() async throws {
        let control = FakeEngineControl()
        let service = try await started(control)
        control.hold()
        let tasks = await submit(service, [1])
        #expect(await eventually { control.batches.count == 1 })
        tasks[0].cancel()
        await #expect(throws: BatchingError.cancelled) { try await tasks[0].value }
        control.release()
        _ = try await service.classify(message(2))
        await service.stop()
    }

    @Test func aTaskThatWasCancelledBeforeIsNotComputed() async throws {
        let control = FakeEngineControl()
        let service = try await started(control)
        control.hold()
        let running = await submit(service, [1])
        #expect(await eventually { control.batches.count == 1 })
        let task = Task {
            // Ends when the task is cancelled.
            try? await Task.sleep(for: .seconds(3600))
            return try await service.classify(message(2))
        }
        task.cancel()
        await #expect(throws: BatchingError.cancelled) { try await task.value }
        control.release()
        _ = try await running[0].value
        await service.stop()
        #expect(control.batches.count == 1)
    }

    @Test func aWaitingRequestIsToldOfItsDeadlineWhileTheEngineComputes() async throws {
        let control = FakeEngineControl()
        // Long enough for the next lines to be reached on a busy machine: a batch that is much overdue has all refused.
        let service = try await started(control, bound: .seconds(2))
        control.hold()
        let running = await submit(service, [1])
        #expect(await eventually { control.batches.count == 1 })
        let start = ContinuousClock.now
        await #expect(throws: BatchingError.deadlineExceeded) { try await service.classify(message(2)) }
        let waited = ContinuousClock.now - start
        #expect(waited > .milliseconds(1500), "the engine is held: it would wait for ever")
        control.release()
        #expect(try await running[0].value.isLate)
        #expect(service.snapshot().totals.expired == 1 && service.snapshot().totals.answeredLate == 1)
        await service.stop()
        #expect(control.batches.count == 1)
    }

    @Test func refusesAtOnceWhenTheBoundCannotBeKept() async throws {
        let control = FakeEngineControl()
        // What the system adds to each sleep is little beside it.
        control.slow(secondsPerToken: 0.004)
        let service = try await started(control, bound: .milliseconds(200))
        await #expect(throws: BatchingError.self) {
            try await service.classify(message(1, tokens: 40), deadline: .now + .milliseconds(20))
        }
        control.hold()
        let tasks = (0..<50).map { index in Task { try await service.classify(message(Int32(index), tokens: 10)) } }
        #expect(await eventually {
            let totals = service.snapshot().totals
            return totals.admitted + totals.refused >= 51
        })
        control.release()
        var refused = 0
        for task in tasks {
            do { _ = try await task.value } catch BatchingError.overloaded(let retryAfter) {
                refused += 1
                #expect(retryAfter > .zero)
            } catch BatchingError.deadlineExceeded {}
        }
        #expect(refused > 30 && refused < 50)
        #expect(control.batches.joined().allSatisfy { $0.ids.count == 10 })
        await service.stop()
    }

    // MARK: What is told

    @Test func theObserverHearsOfEveryBatch() async throws {
        let observer = RecordingObserver()
        let control = FakeEngineControl()
        let service = try await started(control, observer: observer)
        control.hold()
        let first = await submit(service, [1])
        #expect(await eventually { control.batches.count == 1 })
        let rest = await submit(service, [2, 3])
        control.release()
        for task in first + rest { _ = try await task.value }
        await service.stop()
        #expect(observer.reports.map(\.messages) == [1, 2])
        #expect(observer.reports.map(\.tokens) == [3, 6])
        #expect(observer.reports.map(\.queueTimes.count) == [1, 2])
        #expect(observer.reports.allSatisfy { $0.boundMisses == 0 && $0.computeTime > .zero })
        #expect(observer.states == [.ready, .draining, .stopped])
        #expect(observer.generations == [1])
    }

    @Test func countsAddUpUnderRandomLoad() async throws {
        let control = FakeEngineControl()
        control.slow(secondsPerToken: 0.00005)
        let service = try await started(control, bound: .milliseconds(40))
        let outcomes = await withTaskGroup(of: [String: Int].self) { group in
            for client in 0..<16 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(client))
                    var counts: [String: Int] = [:]
                    for _ in 0..<60 {
                        let message = message(Int32.random(in: 0...9, using: &random), tokens: .random(in: 1...40, using: &random))
                        let leaves = Int.random(in: 0..<4, using: &random) == 0
                        let task = Task { try await service.classify(message) }
                        if leaves {
                            try? await Task.sleep(for: .microseconds(Int.random(in: 0...3000, using: &random)))
                            task.cancel()
                        }
                        switch await task.result {
                        case .success(let answer):
                            let sum = message.ids.reduce(0) { $0 + Int($1) }
                            counts[answer.prediction == .certain(sum % 2) ? "right" : "wrong", default: 0] += 1
                        case .failure(BatchingError.overloaded):
                            counts["refused", default: 0] += 1
                            // All would be used up while a busy machine lets the engine wait for its turn.
                            try? await Task.sleep(for: .milliseconds(5))
                        case .failure(BatchingError.cancelled): counts["cancelled", default: 0] += 1
                        case .failure(BatchingError.deadlineExceeded): counts["expired", default: 0] += 1
                        case .failure: counts["other", default: 0] += 1
                        }
                    }
                    return counts
                }
            }
            var sum: [String: Int] = [:]
            for await counts in group { sum.merge(counts, uniquingKeysWith: +) }
            return sum
        }
        await service.stop()
        let totals = service.snapshot().totals
        #expect(outcomes.values.reduce(0, +) == 16 * 60)
        #expect(outcomes["wrong"] == nil && outcomes["other"] == nil)
        #expect(outcomes["refused"] ?? 0 == totals.refused)
        #expect(outcomes["expired"] ?? 0 == totals.expired)
        #expect((outcomes["right"] ?? 0) <= totals.answeredInTime + totals.answeredLate)
        #expect(totals.admitted == totals.answeredInTime + totals.answeredLate + totals.expired + totals.cancelled)
        #expect((outcomes["right"] ?? 0) > 16)
    }
}
