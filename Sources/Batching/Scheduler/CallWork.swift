/// The predicted time of the rows of one call up to the present one, run in batches by themselves.
struct CallWork {
    let costs: CostModel
    /// The time that one batch may take.
    let batchSeconds: Double
    /// Predicted seconds so far.
    private(set) var seconds = 0.0
    private var finished = 0.0
    private var batchTokens = 0

    init(costs: CostModel, batchSeconds: Double) {
        self.costs = costs
        self.batchSeconds = batchSeconds
    }

    mutating func add(tokens: Int) {
        if batchTokens > 0, costs.seconds(tokens: batchTokens + tokens) > batchSeconds {
            finished = seconds
            batchTokens = 0
        }
        batchTokens += tokens
        seconds = finished + costs.seconds(tokens: batchTokens)
    }
}
