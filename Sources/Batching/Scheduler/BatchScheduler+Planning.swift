/// Which batches would be formed, and what that means for those who ask to be admitted. Nothing here changes state.
extension BatchScheduler {
    /// The engine's part of the latency bound.
    var boundSeconds: Double {
        max(configuration.latencyBound.inSeconds - allowanceSeconds, 1e-6)
    }

    var allowanceSeconds: Double { configuration.answerAllowance.inSeconds }

    /// The margin for the way of an answer.
    var transitSeconds: Double { configuration.transitShare * configuration.latencyBound.inSeconds }

    /// The same for one request: its part of the caller's own time, if that is shorter. Who allows 15 ms is not refused
    /// by an idle engine for a way that takes 10 once in a thousand.
    private func transitSeconds(_ request: Request<Payload>) -> Double {
        min(transitSeconds, configuration.transitShare * max(request.deadline + allowanceSeconds - request.arrival, 0))
    }

    /// The margin of one batch and of its answers' way, two independent errors: by their squares.
    private func margin(predicted: Double, transit: Double) -> Double {
        (square(costs.margin.seconds(predicted: predicted)) + square(transit)).squareRoot()
    }

    /// The time that one batch may take, without margin: as long as company saves anything worth waiting for, and room
    /// for two in the bound, their margins kept free.
    var batchSeconds: Double { batchSeconds(within: boundSeconds) }

    /// The time that a batch may take for a request that has this much time from its arrival on.
    private func batchSeconds(within seconds: Double) -> Double {
        // A batch's margin grows with its time, which the margin limits: a few steps come near to where they meet.
        var share = configuration.batchShare * seconds
        for _ in 0..<4 {
            let margins = (2 * square(costs.margin.seconds(predicted: share)) + square(transitSeconds)).squareRoot()
            share = configuration.batchShare * max(seconds - margins, seconds / 2)
        }
        // A batch of a twentieth of the bound holds nobody up, whatever company saves.
        return min(share, max(costs.fixedSeconds / configuration.fixedCostShare, boundSeconds / 20))
    }

    /// Tokens that a batch may have whose first member must be done `slack` seconds after its start.
    ///
    /// The margin is kept free, unless the first member would not have it even alone. Then it may be used up: running
    /// such requests one by one would cost the fixed part of a batch for each, and everyone behind would be late too.
    private func tokenLimit(first tokens: Int, slack: Double, transit: Double) -> Int {
        let batch = batchSeconds
        let careful = slack - margin(predicted: min(max(slack, 0), batch), transit: transit)
        let seconds = costs.seconds(tokens: tokens) <= careful ? min(batch, careful) : min(batch / 2, slack)
        return min(configuration.maxBatchTokens, costs.tokens(within: seconds))
    }

    /// Tokens of a full batch.
    private var fullBatchTokens: Int { max(tokenLimit(first: 0, slack: .infinity, transit: transitSeconds), 1) }

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
        let transit = transitSeconds(queue.requests[first])
        let limit = tokenLimit(first: queue.requests[first].tokens, slack: slack, transit: transit)
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

    /// Whether these rows of one call can be admitted.
    /// - Parameter candidates: by rising deadline.
    /// - Returns: the probability that one of them will be late, or why they cannot.
    func admission(_ candidates: [Request<Payload>], now: Double) -> Result<Double, Refusal> {
        if isDraining { return .failure(.draining) }
        let tokens = candidates.reduce(0) { $0 + $1.tokens }
        if tokens > configuration.maxQueuedTokens {
            return .failure(.tooManyTokens(limit: configuration.maxQueuedTokens))
        }
        if let last = candidates.last {
            var work = CallWork(costs: costs, batchSeconds: batchSeconds)
            for candidate in candidates { work.add(tokens: candidate.tokens) }
            let longest = min(work.seconds, batchSeconds)
            let needed = work.seconds + margin(predicted: longest, transit: transitSeconds(last))
            if now + needed > last.deadline {
                return .failure(.deadlineTooShort(needed: .seconds(needed + allowanceSeconds)))
            }
        }
        if queue.tokens + tokens <= configuration.maxQueuedTokens {
            if let risk = risk(candidates, now: now) { return .success(risk) }
            // A refusal by an idle engine would never end: nothing waits, and only batches teach it a smaller margin.
            if isIdle { return .success(1) }
        }
        return .failure(.overloaded(retryAfter: .seconds(predictedDrain(now: now))))
    }

    /// The compute of these requests, in full batches, that falls into one latency bound: work with a later deadline
    /// counts in proportion.
    func urgentSeconds(_ requests: [Request<Payload>]) -> Double {
        let secondsPerToken = costs.seconds(tokens: fullBatchTokens) / Double(fullBatchTokens)
        return requests.reduce(0) { sum, request in
            let time = max(request.deadline - request.arrival, boundSeconds)
            return sum + secondsPerToken * Double(request.tokens) * boundSeconds / time
        }
    }

    /// 0 while the engine can do what arrives with batches of any size, 1 when it cannot even with full ones.
    private var congestion: Double {
        let (low, high) = (0.8, 1.2)
        return min(max((demand.load - low) / (high - low), 0), 1)
    }

    /// The predicted time until what runs and waits now is done.
    private func predictedDrain(now: Double) -> Double {
        let batches = (queue.tokens + fullBatchTokens - 1) / fullBatchTokens
        return engineFree(now: now) - now + Double(batches) * costs.seconds(tokens: 0)
            + (costs.seconds(tokens: queue.tokens) - costs.seconds(tokens: 0))
    }

    /// Walks through the batches that would be formed from the queue with the candidates in it, and looks whether each
    /// candidate, and each request that one of them is ahead of, would be done in time.
    ///
    /// It is enough to look at the first member of each batch: the others' deadlines are later, and the batch's length
    /// was limited by the first. The margins of successive batches, and that of the answer's way, add up as independent
    /// errors do: by their squares.
    /// - Returns: the probability that one of the candidates will be late; nil if it is too high for any of those.
    private func risk(_ candidates: [Request<Payload>], now: Double) -> Double? {
        var start = engineFree(now: now)
        var variance = running.map { square(costs.margin.seconds(predicted: $0.predicted)) } ?? 0
        var batchTokens = 0, limit = 0
        var isAffected = false
        var risk = 0.0
        var waiting = queue.requests[...]
        var asking = candidates[...]
        let scale = budget.marginScale

        func closeBatch() {
            let seconds = costs.seconds(tokens: batchTokens)
            start += seconds
            variance += square(costs.margin.seconds(predicted: seconds))
            batchTokens = 0
        }

        /// The margin of a request's answer, whose batch takes `seconds`, behind those so far.
        func margin(_ request: Request<Payload>, _ seconds: Double) -> Double {
            let batch = square(costs.margin.seconds(predicted: seconds))
            return (variance + batch + square(transitSeconds(request))).squareRoot()
        }

        while true {
            let next: Request<Payload>
            var isCandidate = false
            if let candidate = asking.first, waiting.first.map({ candidate.precedes($0) }) ?? true {
                next = candidate
                asking.removeFirst()
                isAffected = true
                isCandidate = true
            } else if let request = waiting.popFirst() {
                next = request
            } else {
                return min(risk, 1)
            }
            if batchTokens > 0, batchTokens + next.tokens > limit { closeBatch() }
            if batchTokens == 0 {
                var seconds = costs.seconds(tokens: next.tokens)
                // Who opens a batch behind others leaves room for company, the more the greater the demand.
                if start > now, next.id == candidates.first?.id {
                    let full = min(batchSeconds, batchSeconds(within: next.deadline - next.arrival))
                    seconds += congestion * max(full - seconds, 0)
                }
                if start + seconds + scale * margin(next, seconds) > next.deadline {
                    if isAffected { return nil }
                    if start + seconds > next.deadline { continue }
                }
                let slack = next.deadline - start
                limit = tokenLimit(first: next.tokens, slack: slack, transit: transitSeconds(next))
            }
            batchTokens += next.tokens
            if isCandidate {
                // The greater the demand, the surer it is that the batch will be filled.
                var seconds = costs.seconds(tokens: batchTokens)
                seconds += congestion * max(costs.seconds(tokens: limit) - seconds, 0)
                risk += RiskBudget.risk(slack: next.deadline - start - seconds, margin: margin(next, seconds))
            }
        }
    }

    private func square(_ x: Double) -> Double { x * x }
}
