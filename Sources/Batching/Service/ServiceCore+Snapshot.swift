extension ServiceCore {
    /// Gauges and counts at this moment.
    var snapshot: ServiceSnapshot {
        let costs = scheduler?.costs
        let fixed = costs?.seconds(tokens: 0) ?? 0
        let batch = scheduler?.batchSeconds ?? 0
        return ServiceSnapshot(
            state: state, model: model, queuedMessages: scheduler?.queuedMessages ?? 0,
            queuedTokens: scheduler?.queuedTokens ?? 0, runningMessages: scheduler?.runningMessages ?? 0,
            runningTokens: scheduler?.runningTokens ?? 0, fixedCost: .seconds(fixed),
            costPerToken: .seconds((costs?.seconds(tokens: 1) ?? 0) - fixed),
            costMargin: .seconds(costs?.margin.seconds(predicted: batch) ?? 0),
            totals: scheduler?.totals ?? ServiceSnapshot.Totals())
    }
}
