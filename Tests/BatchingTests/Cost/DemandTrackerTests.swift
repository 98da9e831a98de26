@testable import Batching
import Testing

@Suite struct DemandTrackerTests {
    @Test(arguments: [0.3, 1.0, 3.0]) func measuresSteadyLoad(load: Double) {
        var demand = DemandTracker()
        for index in 0..<1000 { demand.add(seconds: load * 0.005, now: Double(index) * 0.005) }
        #expect(abs(demand.load / load - 1) < 0.02)
    }

    @Test func oneBurstIsNotOverload() {
        var demand = DemandTracker()
        demand.add(seconds: 0.2, now: 1)
        #expect(demand.load < 0.5)
    }

    @Test func timeThatDoesNotMoveIsNoTrouble() {
        var demand = DemandTracker()
        demand.add(seconds: 0.1, now: 5)
        demand.add(seconds: 0.1, now: 4)
        #expect(abs(demand.load - 0.4) < 1e-9)
    }
}
