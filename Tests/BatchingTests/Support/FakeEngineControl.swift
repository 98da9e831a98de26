@testable import Batching
@testable import Engine
import Foundation

/// The test's hand on a `FakeEngine`, from any thread.
final class FakeEngineControl: Sendable {
    private struct State {
        var isHeld = false
        var batches: [[TokenizedMessage]] = []
        var threads: Set<String> = []
        var stops = 0
        var frees = 0
        var alwaysFails = false
        var answersDependOnBatch = false
        var isNotFinite = false
        var secondsPerToken = 0.0
    }

    private let state = Monitor(State())

    /// From now on `classify` does not return until `release` is called.
    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        state.withLock { $0.isHeld = false }
        state.signal(.work)
    }

    /// Each message fails.
    func failAlways() { state.withLock { $0.alwaysFails = true } }
    /// A message's answer changes with its company: what the engine promises not to do.
    func answerByBatch() { state.withLock { $0.answersDependOnBatch = true } }
    func answerNotANumber() { state.withLock { $0.isNotFinite = true } }
    /// `classify` sleeps this long a token.
    func slow(secondsPerToken: Double) { state.withLock { $0.secondsPerToken = secondsPerToken } }

    /// What ran so far.
    var batches: [[TokenizedMessage]] { state.withLock { $0.batches } }
    /// Names of the threads that ran it.
    var threads: Set<String> { state.withLock { $0.threads } }
    var stops: Int { state.withLock { $0.stops } }
    /// Engines whose memory was returned.
    var frees: Int { state.withLock { $0.frees } }

    /// Forgets the batches of the start.
    func forget() { state.withLock { $0.batches = [] } }

    func enter(_ messages: [TokenizedMessage]) {
        let thread = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
        let seconds = state.withLock { state in
            state.batches.append(messages)
            state.threads.insert(thread.trimmingCharacters(in: .newlines))
            return state.secondsPerToken * Double(messages.reduce(0) { $0 + $1.ids.count })
        }
        if seconds > 0 { Thread.sleep(forTimeInterval: seconds) }
        state.wait(on: .work) { $0.isHeld ? nil : () }
    }

    func answer(_ message: TokenizedMessage) -> Result<Prediction, EngineError> {
        state.withLock { state in
            if state.alwaysFails { return .failure(.notFinite) }
            if state.isNotFinite {
                return .success(Prediction(logits: [.nan, 0], probabilities: [.nan, 0], isOutOfScope: false))
            }
            let company = state.answersDependOnBatch ? state.batches.last?.count ?? 0 : 0
            return .success(.certain((message.ids.reduce(0) { $0 + Int($1) } + company) % 2))
        }
    }

    func stop() { state.withLock { $0.stops += 1 } }
    func free() { state.withLock { $0.frees += 1 } }
}
