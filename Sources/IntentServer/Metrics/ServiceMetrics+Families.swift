extension ServiceMetrics {
    /// Names of what the service records; Prometheus' conventions: base units, `_total` on counters.
    enum Name {
        static let requests = "intentd_http_requests_total"
        static let requestDuration = "intentd_http_request_duration_seconds"
        static let inFlight = "intentd_http_requests_in_flight"
        static let connections = "intentd_http_connections"
        static let closedConnections = "intentd_http_connections_cut_total"
        static let messages = "intentd_messages_total"
        static let tokens = "intentd_message_tokens_total"
        static let truncated = "intentd_messages_truncated_total"
        static let intents = "intentd_intents_total"
        static let abstentions = "intentd_abstentions_total"
        static let queueTokens = "intentd_queue_tokens"
        static let queueWait = "intentd_queue_wait_seconds"
        static let batchTokens = "intentd_batch_tokens"
        static let batchMessages = "intentd_batch_messages"
        static let computeTime = "intentd_batch_compute_seconds"
        static let predictedTime = "intentd_batch_predicted_seconds"
        static let costRatio = "intentd_batch_cost_ratio"
        static let boundMisses = "intentd_latency_bound_misses_total"
        static let latencyBound = "intentd_latency_bound_seconds"
        static let modelInfo = "intentd_model_info"
        static let weightBytes = "intentd_model_weight_bytes"
        static let computeThreads = "intentd_compute_threads"
        static let replacements = "intentd_model_replacements_total"
        static let buildInfo = "intentd_build_info"
    }

    /// The families behind the names.
    static let families: [MetricFamily] = [
        .counter(Name.requests, "HTTP requests answered, by route, method and status code."),
        .histogram(
            Name.requestDuration, "Time from a request's head to its response, by route.", HistogramBounds.seconds),
        .gauge(Name.inFlight, "HTTP requests being answered."),
        .gauge(Name.connections, "Open client connections."),
        .counter(Name.closedConnections, "Connections that the server ended, by reason."),
        .counter(Name.messages, "Messages sent to be classified, by what became of them."),
        .counter(Name.tokens, "Tokens of answered messages."),
        .counter(Name.truncated, "Answered messages that were longer than the model reads."),
        .counter(Name.intents, "Answers by the intent they name; abstentions name none."),
        .counter(Name.abstentions, "Answers that name no intent, by reason."),
        .gauge(Name.queueTokens, "Tokens waiting for the engine."),
        .histogram(
            Name.queueWait, "Time from a message's arrival to the start of its batch.", HistogramBounds.seconds),
        .histogram(Name.batchTokens, "Tokens of a batch.", HistogramBounds.tokens),
        .histogram(Name.batchMessages, "Messages of a batch.", HistogramBounds.messages),
        .histogram(Name.computeTime, "Time that a batch took.", HistogramBounds.seconds),
        .histogram(Name.predictedTime, "Time that a batch was predicted to take.", HistogramBounds.seconds),
        .histogram(Name.costRatio, "Time that a batch took over the time predicted.", HistogramBounds.ratio),
        .counter(Name.boundMisses, "Messages that were admitted and answered after their latency bound."),
        .gauge(Name.latencyBound, "The latency bound in force."),
        .gauge(Name.modelInfo, "The model in service; always 1."),
        .gauge(Name.weightBytes, "Bytes of the model's weights but for the embedding table."),
        .gauge(Name.computeThreads, "Threads that compute."),
        .counter(Name.replacements, "Attempts to put a new adapter in service, by outcome."),
        .gauge(Name.buildInfo, "The version of intentd; always 1."),
    ] + ProcessMetrics.families
}
