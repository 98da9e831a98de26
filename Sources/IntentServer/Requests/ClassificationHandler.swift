import HTTPTypes
import Hummingbird
import Logging

/// Has a request's messages classified: deadline, the model, the client's leaving, metrics.
struct ClassificationHandler: Sendable {
    let readiness: Readiness
    let metrics: ServiceMetrics

    /// - Parameters:
    ///   - threshold: the request's own; nil takes the model's.
    ///   - timeout: from the body; the header's, if shorter, wins.
    ///   - field: names the field of the message at an index, for errors.
    func verdicts(
        _ texts: [String], threshold: Float? = nil, timeout: Duration? = nil, request: Request,
        context: ServiceContext, field: @Sendable (Int) -> String
    ) async throws -> [Verdict] {
        let timeouts = [timeout, try Self.timeout(request.headers[.requestTimeout])].compactMap { $0 }
        let arrival = context.record.arrival
        let deadline = timeouts.min().map { arrival.advanced(by: $0) }
        let answers: [MessageAnswer]
        do {
            let classifier = try readiness.classifier()
            answers = try await classify(texts, classifier, arrival: arrival, deadline: deadline)
        } catch let failure as ClassificationFailure {
            throw refused(failure, count: texts.count, context, field)
        } catch let error as APIError {
            metrics.unanswered(.unavailable, messages: texts.count)
            throw error
        }
        let verdicts = answers.map { Verdict($0, threshold: threshold) }
        for verdict in verdicts {
            metrics.answered(
                intent: verdict.intent, abstention: verdict.abstention, tokens: verdict.answer.tokens,
                cut: verdict.answer.truncated)
        }
        context.record.classified(
            messages: verdicts.count, tokens: answers.reduce(0) { $0 + $1.tokens }, timing: ServerTiming(answers))
        return verdicts
    }

    private func classify(
        _ texts: [String], _ classifier: any IntentClassifying, arrival: ContinuousClock.Instant,
        deadline: ContinuousClock.Instant?
    ) async throws -> [MessageAnswer] {
        guard let connection = ClientConnection.current else {
            return try await classifier.classify(texts, arrival: arrival, deadline: deadline)
        }
        let bytes = texts.reduce(0) { $0 + $1.utf8.count }
        return try await connection.cancellingOnClose(bytes: bytes) {
            try await classifier.classify(texts, arrival: arrival, deadline: deadline)
        }
    }

    private func refused(
        _ failure: ClassificationFailure, count: Int, _ context: ServiceContext, _ field: (Int) -> String
    ) -> APIError {
        switch failure {
        case .overloaded, .tooManyTokens: metrics.unanswered(.refused, messages: count)
        case .deadlineExceeded: metrics.unanswered(.expired, messages: count)
        case .abandoned: metrics.unanswered(.abandoned, messages: count)
        case .starting, .draining: metrics.unanswered(.unavailable, messages: count)
        case .failed(let reason):
            metrics.unanswered(.failed, messages: count)
            context.logger.error(
                "the engine could not answer",
                metadata: ["request_id": .string(context.record.id), "reason": .string(reason)])
        case .emptyMessage: break
        }
        return APIError(failure, field: field)
    }

    /// The value of `X-Request-Timeout-Ms`.
    static func timeout(_ header: String?) throws(APIError) -> Duration? {
        guard let header else { return nil }
        let range = ClassifyRequest.timeoutRange
        guard let milliseconds = Int(header.trimmed), range.contains(milliseconds) else {
            throw .invalid(
                "X-Request-Timeout-Ms must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return .milliseconds(milliseconds)
    }
}
