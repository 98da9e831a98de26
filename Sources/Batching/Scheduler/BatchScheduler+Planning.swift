/// Which batches would be formed, and what that means for those who ask to be admitted. Nothing here changes state.
extension BatchScheduler {
    /// The engine's part of the latency bound.
    var boundSeconds: Double {
        max(configuration.latencyBound.inSeconds - allowanceSeconds, 1e-6)
    }

    var allowanceSeconds: Double { configuration.answerAllowance.inSeconds }

    /// The time that one batch may take, without margin.
    var batchSeconds: Double {
        let margin = costs.margin.seconds(predicted: configuration.batchShare * boundSeconds)
        return configuration.batchShare * max(boundSeconds - margin, boundSeconds / 2)
    }

    /// Tokens that a batch may have whose first member must be done `slack` seconds after its start.
    ///
    /// The margin is kept free while there is time for a batch of half the usual length. With less than that the batch
    /// may use the margin up: cutting it down to single messages would cost the fixed part of a batch for each, and
    /// everyone behind would be late as well.
    private func tokenLimit(slack: Double) -> Int {
        let batch = batchSeconds
        let careful = slack - costs.margin.seconds(predicted: min(max(slack, 0), batch))
        let seconds = min(batch, max(careful, min(slack, batch / 2)))
        return min(configuration.maxBatchTokens, costs.tokens(within: seconds))
    }

    /// True if the request would miss its deadline even in a batch of its own.
    private func isLate(_ request: Request<Payload>, start: Double) -> Bool {
        start + costs.seconds(tokens: request.tokens) > request.deadline
    }

    /// The next batch as positions in the queue, rising.
    func positionsOfNextBatch(start: Double) -> [Int] {
        let inTime = queue.requests.indices.filter { !isLate(queue.requests[$0], start: start) }
        let eligible = inTime.isEmpty ? Array(queue.requests.indices) : inTime
        guard let first = eligible.first else { return [] }
        let slack = inTime.isEmpty ? .infinity : queue.requests[first].deadline - start
        let limit = tokenLimit(slack: slack)
        var tokens = 0
        return Array(eligible.prefix { position in
            tokens += queue.requests[position].tokens
            return position == first || tokens <= limit
        })
    }

    /// When the engine is expected to be free. A batch that is overdue is expected to take as long again as it is
    /// overdue: pauses have heavy tails.
    private func engineFree(now: Double) -> Double {
        guard let running else { return now }
        let end = running.start + running.predicted
        return end > now ? end : now + (now - end)
    }

    /// Why these rows of one call cannot be admitted; nil if they can.
    /// - Parameter candidates: by rising deadline.
    func refusal(_ candidates: [Request<Payload>], now: Double, hasOwnDeadline: Bool) -> Refusal? {
        if isDraining { return .draining }
        let tokens = candidates.reduce(0) { $0 + $1.tokens }
        if tokens > configuration.maxQueuedTokens { return .tooManyTokens(limit: configuration.maxQueuedTokens) }
        if hasOwnDeadline, let last = candidates.last {
            var work = CallWork(costs: costs, batchSeconds: batchSeconds)
            for candidate in candidates { work.add(tokens: candidate.tokens) }
            let needed = work.seconds + costs.margin.seconds(predicted: min(work.seconds, batchSeconds))
            if now + needed > last.deadline {
                return .deadlineTooShort(needed: .seconds(needed + allowanceSeconds))
            }
        }
        if queue.tokens + tokens > configuration.maxQueuedTokens || !areSchedulable(candidates, now: now) {
            return .overloaded(retryAfter: .seconds(predictedDrain(now: now)))
        }
        return nil
    }

    /// The predicted time until what runs and waits now is done.
    private func predictedDrain(now: Double) -> Double {
        let batchTokens = max(tokenLimit(slack: .infinity), 1)
        let batches = (queue.tokens + batchTokens - 1) / batchTokens
        return engineFree(now: now) - now + Double(batches) * costs.seconds(tokens: 0)
            + (costs.seconds(tokens: queue.tokens) - costs.seconds(tokens: 0))
    }

    /// Walks through the batches that would be formed from the queue with the candidates in it, and looks whether each
    /// candidate, and each request that one of them is ahead of, would be done in time.
    ///
    /// It is enough to look at the first member of each batch: the others' deadlines are later, and the batch's length
    /// was limited by the first. The margins of successive batches add up as independent errors do: by their squares.
    private func areSchedulable(_ candidates: [Request<Payload>], now: Double) -> Bool {
        var start = engineFree(now: now)
        var variance = running.map { square(costs.margin.seconds(predicted: $0.predicted)) } ?? 0
        var batchTokens = 0, limit = 0
        var isAffected = false
        var waiting = queue.requests[...]
        var asking = candidates[...]

        func closeBatch() {
            let seconds = costs.seconds(tokens: batchTokens)
            start += seconds
            variance += square(costs.margin.seconds(predicted: seconds))
            batchTokens = 0
        }

        while true {
            let next: Request<Payload>
            if let candidate = asking.first, waiting.first.map({ candidate.precedes($0) }) ?? true {
                next = candidate
                asking.removeFirst()
                isAffected = true
            } else if let request = waiting.popFirst() {
                next = request
            } else {
                return true
            }
            if batchTokens > 0, batchTokens + next.tokens > limit { closeBatch() }
            if batchTokens == 0 {
                let seconds = costs.seconds(tokens: next.tokens)
                let margin = (variance + square(costs.margin.seconds(predicted: seconds))).squareRoot()
                if start + seconds + margin > next.deadline {
                    if isAffected { return false }
                    if start + seconds > next.deadline { continue }
                }
                limit = tokenLimit(slack: next.deadline - start)
            }
            batchTokens += next.tokens
        }
    }

    private func square(_ x: Double) -> Double { x * x }
}
