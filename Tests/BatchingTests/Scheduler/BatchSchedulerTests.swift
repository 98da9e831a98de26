@testable import Batching
import Testing

@Suite struct BatchSchedulerTests {
    @Test func aLoneRequestRunsAtOnce() {
        var test = TestScheduler()
        #expect(test.admit("a").isSuccess)
        #expect(test.start() == ["a"])
        #expect(test.finish(after: 4) == [false])
        #expect(test.start() == nil)
        #expect(test.scheduler.isIdle)
    }

    @Test func arrivalsDuringABatchFormTheNext() {
        var test = TestScheduler()
        _ = test.admit("a")
        #expect(test.start() == ["a"])
        for name in ["b", "c", "d"] { #expect(test.admit(name).isSuccess) }
        _ = test.finish(after: 4)
        #expect(test.start() == ["b", "c", "d"])
    }

    @Test func theEarliestDeadlineGoesFirstAndEqualsKeepTheirOrder() {
        var test = TestScheduler()
        _ = test.admit("running", tokens: 40)
        _ = test.start()
        _ = test.admit("b")
        _ = test.admit("c")
        #expect(test.admit("urgent", timeout: 30).isSuccess)
        _ = test.finish(after: 11)
        #expect(test.start() == ["urgent", "b", "c"])
    }

    @Test func aBatchTakesNoMoreThanItsShareOfTheBound() {
        var test = TestScheduler()
        let rows = (0..<60).map { (tokens: 12, payload: "\($0)") }
        #expect(test.admit(rows: rows).isSuccess)
        let batch = test.scheduler.nextBatch(now: test.clock.now)
        let predicted = batch?.predictedTime ?? .zero
        #expect(predicted <= .milliseconds(30) && predicted > .milliseconds(20))
    }

    @Test func aBatchHasNoMoreTokensThanConfigured() {
        var configuration = BatchingConfiguration.exact
        configuration.maxBatchTokens = 30
        var test = TestScheduler(configuration: configuration)
        for name in ["a", "b", "c", "d"] { _ = test.admit(name) }
        #expect(test.start() == ["a", "b"])
    }

    @Test func aMessageLongerThanABatchRunsAlone() {
        var test = TestScheduler()
        #expect(test.admit("long", tokens: 1000).isSuccess)
        #expect(test.admit("b").isSuccess)
        #expect(test.start() == ["b"], "the shorter one has the nearer deadline")
        _ = test.finish(after: 4)
        #expect(test.start() == ["long"])
    }

    @Test func aFirstDeadlineLimitsTheBatch() {
        var test = TestScheduler()
        _ = test.admit("urgent", timeout: 12)
        for index in 0..<5 { _ = test.admit("\(index)") }
        let batch = test.scheduler.nextBatch(now: test.clock.now)
        #expect(batch?.requests.first?.payload == "urgent")
        #expect(batch?.predictedTime ?? .zero < .milliseconds(11), "some of the 12 ms are kept free")
        #expect(batch?.requests.count == 3)
    }

    // MARK: Refusal

    @Test func refusesWhatCannotBeDoneInTimeAndSaysWhenToComeBack() {
        var test = TestScheduler()
        _ = test.admit("first")
        _ = test.start()
        var admitted = 0
        var refusal: Refusal?
        while refusal == nil, admitted < 1000 {
            let result = test.admit("\(admitted)")
            if result.isSuccess { admitted += 1 } else { refusal = result.refusal }
        }
        #expect(admitted >= 8 && admitted <= 13, "4 ms each in a batch of 1 + 3n, in 50 ms")
        guard case .overloaded(let retryAfter)? = refusal else { Issue.record("\(refusal as Any)"); return }
        #expect(retryAfter > .milliseconds(20) && retryAfter < .milliseconds(50))
        #expect(test.scheduler.totals.refused == 1)
        #expect(test.scheduler.totals.admitted == admitted + 1)
    }

    @Test func aMessageIsRefusedUnreadOnlyWhereReadingItWouldNotHelp() {
        var test = TestScheduler()
        func unread(_ tokens: Int) -> Duration? {
            test.scheduler.refuseUnread(
                least: (tokens, "unread"), likely: tokens, arrival: test.clock.now, now: test.clock.now)
        }
        #expect(unread(1000) == nil, "an idle engine is asked properly")
        _ = test.admit("first")
        _ = test.start()
        var admitted = 0
        while unread(12) == nil, admitted < 1000 {
            #expect(test.admit("\(admitted)", tokens: 12).isSuccess)
            admitted += 1
        }
        #expect(admitted > 5 && !test.admit("next", tokens: 12).isSuccess)
        let (refused, queued) = (test.scheduler.totals.refused, test.scheduler.queuedTokens)
        #expect(unread(12) ?? .zero > .milliseconds(20))
        #expect(test.scheduler.totals.refused == refused + 1 && test.scheduler.queuedTokens == queued)
    }

    @Test func whatIsRefusedUnreadIsDemandAllTheSame() {
        var test = TestScheduler()
        _ = test.admit("first")
        _ = test.start()
        while test.admit("more", tokens: 12).isSuccess {}
        let load = test.scheduler.demand.load
        let now = test.clock.now
        #expect(test.scheduler.refuseUnread(least: (10, "unread"), likely: 12, arrival: now, now: now) != nil)
        let unread = test.scheduler.demand.load - load
        _ = test.admit("read", tokens: 12)
        #expect(abs(test.scheduler.demand.load - load - 2 * unread) < 1e-9)
    }

    @Test func aDeadlineShorterThanTheServiceIsRefusedAtOnce() {
        var test = TestScheduler()
        guard case .deadlineTooShort(let needed)? = test.admit("a", timeout: 3).refusal else {
            Issue.record("admitted")
            return
        }
        #expect(needed >= .milliseconds(4) && needed < .milliseconds(8))
        #expect(test.admit("b", timeout: 10).isSuccess)
    }

    @Test func aDeadlineInThePastIsRefusedAtOnce() {
        var test = TestScheduler()
        #expect(!test.admit("a", timeout: -5).isSuccess)
        #expect(test.scheduler.isIdle)
    }

    @Test func theCallersDeadlineCannotLengthenTheBound() {
        var test = TestScheduler()
        _ = test.admit("a", timeout: 10_000)
        test.clock.advance(milliseconds: 50)
        #expect(test.scheduler.expire(now: test.clock.now).map(\.payload) == ["a"])
    }

    @Test func theAllowanceIsTakenFromTheBound() {
        var configuration = BatchingConfiguration.exact
        configuration.answerAllowance = .milliseconds(5)
        var test = TestScheduler(configuration: configuration)
        _ = test.admit("a")
        _ = test.admit("b", timeout: 30)
        #expect(test.scheduler.nextExpiry == test.clock.at(milliseconds: 25))
    }

    @Test func tokensThatMayWaitAreBounded() {
        var configuration = BatchingConfiguration(latencyBound: .seconds(60), answerAllowance: .zero)
        configuration.maxQueuedTokens = 100
        var test = TestScheduler(configuration: configuration)
        #expect(test.admit("big", tokens: 101).refusal == .tooManyTokens(limit: 100))
        for index in 0..<8 { #expect(test.admit("\(index)").isSuccess) }
        guard case .overloaded? = test.admit("9").refusal else { Issue.record("admitted"); return }
        #expect(test.scheduler.queuedTokens == 96)
    }

    @Test func aNewcomerWithANearDeadlineMayNotMakeOthersLate() {
        var test = TestScheduler(fixed: 1, perToken: 1)
        #expect(test.admit("a", tokens: 20).isSuccess)
        #expect(test.admit("b", tokens: 14).isSuccess)
        // It would be in time itself, first in the queue, but a or b would not.
        #expect(!test.admit("urgent", tokens: 14, timeout: 40).isSuccess)
        #expect(test.admit("tiny", tokens: 2, timeout: 40).isSuccess)
    }

    // MARK: Long work

    @Test(arguments: [1, 12, 100, 300, 2000]) func anIdleEngineRefusesNoLength(tokens: Int) {
        var test = TestScheduler()
        #expect(test.admit("a", tokens: tokens).isSuccess)
    }

    @Test(arguments: [1, 10, 100, 1000]) func anIdleEngineTakesACallOfManyRows(rows: Int) {
        var random = SeededGenerator(seed: UInt64(rows))
        var test = TestScheduler()
        let lengths = LengthDistribution.heavyTailed(shortest: 6, exponent: 1.5, longest: 128)
        #expect(test.admit(rows: (0..<rows).map { (lengths.sample(&random), "\($0)") }).isSuccess)
        // All rows are answered in time, in batches that leave room for others.
        var answered = 0
        while let batch = test.scheduler.nextBatch(now: test.clock.now) {
            answered += test.finish(after: batch.predictedTime.inSeconds * 1000).count { !$0 }
        }
        #expect(answered == rows)
    }

    /// Refused by an idle engine, a call would be refused for ever: only batches lower the margin.
    @Test(arguments: [2, 4, 8, 16, 32, 64]) func anIdleEngineTakesACallOfManyRowsAfterADisturbance(rows: Int) {
        var test = TestScheduler(fixed: 4, configuration: BatchingConfiguration())
        for index in 0..<20 {
            #expect(test.admit("slow").isSuccess)
            _ = test.start()
            _ = test.finish(after: index % 3 == 2 ? 30 : 7)
        }
        #expect(test.scheduler.costs.margin.seconds(predicted: 0.02) > 0.0149, "as much as a margin may be")
        #expect(test.admit(rows: (0..<rows).map { (tokens: 14, payload: "\($0)") }).isSuccess)
    }

    @Test func aLargeCallLeavesHalfOfTheEngineToOthers() {
        var test = TestScheduler()
        #expect(test.admit(rows: (0..<400).map { (tokens: 12, payload: "bulk \($0)") }).isSuccess)
        _ = test.start()
        // One batch of the call is running; a single request passes the rest of it.
        #expect(test.admit("single").isSuccess)
        _ = test.finish(after: 28)
        #expect(test.start()?.contains("single") == true)
    }

    @Test func aCallIsAdmittedWholeOrNotAtAll() {
        var test = TestScheduler()
        let rows = (0..<30).map { (tokens: 12, payload: "\($0)") }
        #expect(!test.admit(rows: rows, timeout: 60).isSuccess, "30 rows take 120 ms")
        #expect(test.scheduler.isIdle)
        #expect(test.admit(rows: rows).isSuccess)
        #expect(test.scheduler.queuedMessages == 30)
    }

    // MARK: Leaving the queue

    @Test func expiredRequestsLeaveWithoutCostingCompute() {
        var test = TestScheduler()
        _ = test.admit("running", tokens: 40)
        _ = test.start()
        _ = test.admit("short", timeout: 25)
        _ = test.admit("b")
        _ = test.finish(after: 26)
        #expect(test.scheduler.expire(now: test.clock.now).map(\.payload) == ["short"])
        #expect(test.start() == ["b"])
        #expect(test.scheduler.totals.expired == 1)
    }

    @Test func cancelledRequestsLeave() throws {
        var test = TestScheduler()
        _ = test.admit("running")
        _ = test.start()
        let b = try test.admit("b").get()
        _ = test.admit("c")
        #expect(test.scheduler.cancel(b).map(\.payload) == ["b"])
        #expect(test.scheduler.cancel(b).isEmpty)
        #expect(test.scheduler.queuedTokens == 12)
        _ = test.finish(after: 4)
        #expect(test.start() == ["c"])
        #expect(test.scheduler.totals.cancelled == 1)
    }

    @Test func whoWillBeLateYieldsToWhoCanStillMakeIt() {
        var test = TestScheduler()
        _ = test.admit("running", tokens: 60)
        _ = test.start()
        _ = test.admit("late", tokens: 40, timeout: 40)
        // The batch takes 34 ms instead of 16: now the first cannot be done by 40.
        test.clock.advance(milliseconds: 20)
        _ = test.admit("b")
        _ = test.finish(after: 14)
        #expect(test.start() == ["b"])
        _ = test.finish(after: 1)
        #expect(test.start() == ["late"], "an idle engine tries")
        #expect(test.finish(after: 11) == [true])
        #expect(test.scheduler.totals.answeredLate == 1)
    }

    @Test func drainingAdmitsNothingAndServesTheRest() {
        var test = TestScheduler()
        _ = test.admit("a")
        test.scheduler.drain()
        #expect(test.admit("b").refusal == .draining)
        #expect(test.start() == ["a"])
        _ = test.finish(after: 4)
        #expect(test.scheduler.isIdle)
    }

    @Test func abandoningReturnsEverything() {
        var test = TestScheduler()
        _ = test.admit("a")
        _ = test.start()
        _ = test.admit("b")
        #expect(test.scheduler.abandonAll().map(\.payload) == ["a", "b"])
        #expect(test.scheduler.isIdle)
        #expect(test.scheduler.totals.failed == 2)
    }

    @Test func anOverdueBatchIsExpectedToTakeAsLongAgain() {
        var test = TestScheduler()
        _ = test.admit("running")
        _ = test.start()
        test.clock.advance(milliseconds: 40)
        #expect(test.admit("a", timeout: 38).refusal != nil, "36 ms overdue, so 36 more")
        #expect(test.admit("b").isSuccess)
    }

    @Test func aModelOfSlownessHealsWhenNothingIsAdmitted() {
        var test = TestScheduler()
        for _ in 0..<5 {
            _ = test.admit("slow")
            _ = test.start()
            _ = test.finish(after: 49)
        }
        #expect(!test.admit("a", timeout: 30).isSuccess)
        test.clock.advance(milliseconds: 30_000)
        #expect(test.admit("b", timeout: 30).isSuccess)
    }
}
