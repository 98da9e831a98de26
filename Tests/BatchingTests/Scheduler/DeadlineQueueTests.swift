@testable import Batching
import Testing

@Suite struct DeadlineQueueTests {
    private func request(_ id: Int, _ deadline: Double, tokens: Int = 1) -> Request<Int> {
        Request(id: id, tokens: tokens, arrival: 0, deadline: deadline, payload: id)
    }

    @Test func keepsDeadlineOrderAndCountsTokens() {
        var random = SeededGenerator(seed: 5)
        var queue = DeadlineQueue<Int>()
        var twin: [Request<Int>] = []
        for id in 0..<500 {
            let request = request(id, Double(Int.random(in: 0..<50, using: &random)), tokens: id % 7 + 1)
            queue.insert(request)
            twin.append(request)
            if id % 3 == 0 {
                let positions = queue.requests.indices.filter { _ in Bool.random(using: &random) }.prefix(4)
                let taken = queue.remove(at: Array(positions)).map(\.id)
                twin.removeAll { taken.contains($0.id) }
            }
            twin.sort { $0.precedes($1) }
            #expect(queue.requests.map(\.id) == twin.map(\.id))
            #expect(queue.tokens == twin.reduce(0) { $0 + $1.tokens })
        }
    }

    @Test func mergingEqualsInsertingOneByOne() {
        var random = SeededGenerator(seed: 6)
        var merged = DeadlineQueue<Int>(), single = DeadlineQueue<Int>()
        var id = 0
        for _ in 0..<50 {
            let new = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                id += 1
                return request(id, Double(Int.random(in: 0..<20, using: &random)), tokens: id % 5)
            }.sorted { $0.precedes($1) }
            merged.insert(sorted: new)
            for request in new { single.insert(request) }
            #expect(merged.requests.map(\.id) == single.requests.map(\.id))
            #expect(merged.tokens == single.tokens)
        }
    }

    @Test func removesExpiredOnly() {
        var queue = DeadlineQueue<Int>()
        for (id, deadline) in [3.0, 1, 2, 5].enumerated() { queue.insert(request(id, deadline)) }
        #expect(queue.removeExpired(at: 2).map(\.id) == [1, 2])
        #expect(queue.removeExpired(at: 2).isEmpty)
        #expect(queue.count == 2 && queue.tokens == 2)
    }
}
