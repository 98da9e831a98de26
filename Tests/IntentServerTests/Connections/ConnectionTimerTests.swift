import NIOCore
import Testing

@testable import IntentServer

/// The timing of a connection, with made-up moments.
struct ConnectionTimerTests {
    private let limits = {
        var limits = ServerLimits()
        limits.headTimeout = .seconds(10)
        limits.bodyTimeout = .seconds(20)
        limits.idleTimeout = .seconds(75)
        limits.writeTimeout = .seconds(30)
        return limits
    }()

    private func at(_ seconds: Double) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000_000 + UInt64(seconds * 1e9))
    }

    private func opened() -> ConnectionTimer { ConnectionTimer(limits: limits, opened: at(0)) }

    /// Answered its first request at second 1.
    private func idle() -> ConnectionTimer {
        var timer = opened()
        timer.bytesArrived(at: at(1))
        timer.headRead(at: at(1))
        timer.requestEnded(at: at(1))
        timer.responseEnded(at: at(1))
        timer.responseTaken()
        return timer
    }

    @Test func silentConnectionIsClosed() {
        var timer = opened()
        #expect(timer.deadline == at(10))
        #expect(timer.expired(at: at(9.9)) == nil)
        #expect(timer.expired(at: at(10)) == .close(.idle))
    }

    @Test func dribbledHeadIsRefused() {
        var timer = opened()
        for second in 1...9 { timer.bytesArrived(at: at(Double(second))) }
        #expect(timer.deadline == at(10), "more bytes give no more time")
        #expect(timer.expired(at: at(10)) == .refuseHead)
    }

    @Test func headOfALaterRequestHasItsOwnTime() {
        var timer = idle()
        #expect(timer.deadline == at(76))
        timer.bytesArrived(at: at(50))
        #expect(timer.deadline == at(60))
        #expect(timer.expired(at: at(60)) == .refuseHead)
        var late = idle()
        late.bytesArrived(at: at(70))
        #expect(late.deadline == at(76), "the idle time is not made longer")
    }

    @Test func dribbledBodyFailsAndThenIsCut() {
        var timer = opened()
        timer.headRead(at: at(2))
        for second in 3...20 {
            timer.bytesArrived(at: at(Double(second)))
            let isTooMuch = timer.bodyRead(bytes: 1)
            #expect(!isTooMuch)
        }
        #expect(timer.deadline == at(22))
        #expect(timer.expired(at: at(22)) == .failBody)
        #expect(timer.expired(at: at(23)) == nil)
        #expect(timer.expired(at: at(24)) == .close(.slowBody), "nobody answered")
    }

    @Test func waitingForTheModelHasNoLimitHere() {
        var timer = opened()
        timer.headRead(at: at(1))
        timer.requestEnded(at: at(1))
        #expect(timer.deadline == nil)
        #expect(timer.isAnswering)
    }

    @Test func bodyBehindAnUnansweredRequestWaits() {
        var timer = opened()
        timer.headRead(at: at(1))
        timer.requestEnded(at: at(1))
        timer.headRead(at: at(1))
        #expect(timer.deadline == nil, "its turn has not come")
        timer.responseEnded(at: at(5))
        timer.responseTaken()
        #expect(timer.deadline == at(25))
    }

    @Test func answerBeforeTheBodyBoundsWhatStillComes() {
        var timer = opened()
        timer.headRead(at: at(1))
        timer.responseEnded(at: at(2))
        timer.responseTaken()
        #expect(timer.deadline == at(22))
        let inside = timer.bodyRead(bytes: ConnectionTimer.discardLimit), beyond = timer.bodyRead(bytes: 1)
        #expect(!inside && beyond)
        #expect(timer.expired(at: at(22)) == .close(.slowBody))
        timer.requestEnded(at: at(3))
        #expect(timer.deadline == at(78))
    }

    @Test func answerThatIsNotTakenIsCut() {
        var timer = opened()
        timer.headRead(at: at(1))
        timer.requestEnded(at: at(1))
        timer.responseEnded(at: at(2))
        #expect(timer.deadline == at(32))
        #expect(timer.expired(at: at(32)) == .close(.slowReader))
    }

    @Test func clientThatDoesNotCloseIsLeft() {
        var timer = idle()
        timer.outputClosed(at: at(2))
        #expect(timer.deadline == at(4))
        timer.outputClosed(at: at(3))
        #expect(timer.expired(at: at(4)) == .close(nil))
    }
}
