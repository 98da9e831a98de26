@testable import Batching

/// Keeps what it hears.
final class RecordingObserver: BatchingObserver {
    private let heard = Monitor((reports: [BatchReport](), states: [ServiceState](), generations: [Int]()))

    var reports: [BatchReport] { heard.withLock { $0.reports } }
    var states: [ServiceState] { heard.withLock { $0.states } }
    var generations: [Int] { heard.withLock { $0.generations } }

    func batchFinished(_ report: BatchReport) { heard.withLock { $0.reports.append(report) } }
    func stateChanged(_ state: ServiceState) { heard.withLock { $0.states.append(state) } }
    func modelChanged(_ model: ServedModel) { heard.withLock { $0.generations.append(model.generation) } }
}

/// Waits until something holds that other threads bring about; gives up after half a minute.
func eventually(_ condition: @Sendable () -> Bool) async -> Bool {
    for _ in 0..<30_000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return condition()
}
