import Dispatch
import Synchronization
import Testing
@testable import IntentCLI

struct BoundedQueueTests {
    @Test func keepsOrderBetweenThreads() {
        let queue = BoundedQueue<Int>(capacity: 3)
        DispatchQueue(label: "push").async {
            for value in 0..<10_000 { _ = queue.push(value) }
            queue.finish()
        }
        var found: [Int] = []
        while let value = queue.pop() { found.append(value) }
        #expect(found == Array(0..<10_000))
        #expect(queue.pop() == nil)
    }

    @Test func holdsNoMoreThanItsCapacity() {
        let queue = BoundedQueue<Int>(capacity: 2)
        let pushed = Atomic<Int>(0)
        let done = DispatchGroup()
        DispatchQueue(label: "push").async(group: done) {
            for value in 0..<10 {
                _ = queue.push(value)
                pushed.add(1, ordering: .sequentiallyConsistent)
            }
        }
        for taken in 0..<10 {
            // The pusher is at most its capacity ahead of what was taken.
            #expect(pushed.load(ordering: .sequentiallyConsistent) <= taken + 2)
            #expect(queue.pop() == taken)
        }
        done.wait()
    }

    @Test func finishingLeavesWhatIsInside() {
        let queue = BoundedQueue<Int>(capacity: 2)
        #expect(queue.popIfPresent() == nil)
        #expect(queue.push(1))
        queue.finish()
        #expect(queue.popIfPresent() == 1)
        #expect(queue.pop() == nil)
    }

    @Test func cancellingWakesBothSides() {
        let full = BoundedQueue<Int>(capacity: 1)
        let empty = BoundedQueue<Int>(capacity: 1)
        _ = full.push(0)
        let done = DispatchGroup()
        let results = Mutex<[String]>([])
        DispatchQueue(label: "push").async(group: done) {
            let pushed = full.push(1)
            results.withLock { $0.append("push \(pushed)") }
        }
        DispatchQueue(label: "pop").async(group: done) {
            let popped = empty.pop()
            results.withLock { $0.append("pop \(popped.map(String.init) ?? "nil")") }
        }
        full.cancel()
        empty.cancel()
        #expect(done.wait(timeout: .now() + 30) == .success)
        #expect(results.withLock { $0.sorted() } == ["pop nil", "push false"])
        #expect(full.pop() == nil)
    }
}
