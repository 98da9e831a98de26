import NIOCore

/// The answer of `POST /predict`: every label with its score, best first.
enum PredictResponse {
    static func body(_ verdicts: [Verdict], _ request: PredictRequest) -> ByteBuffer {
        var json = JSONWriter(capacity: 4096 * max(verdicts.count, 1))
        if request.isBatch {
            json.array(of: verdicts) { json, verdict in list(verdict, request, &json) }
        } else if let verdict = verdicts.first {
            list(verdict, request, &json)
        }
        return json.buffer
    }

    private static func list(_ verdict: Verdict, _ request: PredictRequest, _ json: inout JSONWriter) {
        let answer = verdict.answer
        let scores = request.rawScores ? answer.logits : answer.probabilities
        json.array(of: verdict.ranked(scores.count)) { json, index in
            json.object { json in
                json.member("score", scores[index])
                json.member("label", answer.model.labels[index])
            }
        }
    }
}
