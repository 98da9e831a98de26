/// Waiting requests by deadline, earliest first.
struct DeadlineQueue<Payload> {
    /// Sorted by `Request.precedes`.
    private(set) var requests: [Request<Payload>] = []
    private(set) var tokens = 0

    var isEmpty: Bool { requests.isEmpty }
    var count: Int { requests.count }

    /// O(n) moves, O(log n) comparisons.
    mutating func insert(_ request: Request<Payload>) {
        var low = 0, high = requests.count
        while low < high {
            let middle = (low + high) / 2
            if requests[middle].precedes(request) { low = middle + 1 } else { high = middle }
        }
        requests.insert(request, at: low)
        tokens += request.tokens
    }

    /// Adds requests that are in order. O(n + m), whatever the order of what is there: a call may have thousands of
    /// rows.
    mutating func insert(sorted new: [Request<Payload>]) {
        if new.count == 1 { return insert(new[0]) }
        var merged: [Request<Payload>] = []
        merged.reserveCapacity(requests.count + new.count)
        var old = requests[...]
        for request in new {
            while let first = old.first, first.precedes(request) { merged.append(old.removeFirst()) }
            merged.append(request)
            tokens += request.tokens
        }
        requests = merged + old
    }

    /// Takes out what `isTaken` says, in order. O(n).
    mutating func remove(where isTaken: (Request<Payload>) -> Bool) -> [Request<Payload>] {
        var taken: [Request<Payload>] = []
        requests.removeAll { request in
            guard isTaken(request) else { return false }
            taken.append(request)
            return true
        }
        for request in taken { tokens -= request.tokens }
        return taken
    }

    /// Takes out the requests at these rising positions. O(n).
    mutating func remove(at positions: [Int]) -> [Request<Payload>] {
        guard let last = positions.last else { return [] }
        let taken = positions.map { requests[$0] }
        if last == positions.count - 1 {
            requests.removeFirst(positions.count)
        } else {
            var kept = requests[..<positions[0]]
            var next = 0
            for index in positions[0]..<requests.count {
                if next < positions.count, positions[next] == index { next += 1 } else { kept.append(requests[index]) }
            }
            requests = Array(kept)
        }
        for request in taken { tokens -= request.tokens }
        return taken
    }

    /// Takes out everything whose deadline is not after `time`.
    mutating func removeExpired(at time: Double) -> [Request<Payload>] {
        remove(at: Array(requests.prefix { $0.deadline <= time }.indices))
    }
}

extension DeadlineQueue: Sendable where Payload: Sendable {}
