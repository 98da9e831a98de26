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
