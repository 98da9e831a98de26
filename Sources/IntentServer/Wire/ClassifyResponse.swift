import NIOCore

/// The answer of `POST /classify`, written in a fixed member order.
enum ClassifyResponse {
    /// `{"intent","confidence","intents","tokens","truncated","model"}`, with `"abstained":true` on an abstention;
    /// several messages give `{"results":[...],"model"}`.
    static func body(_ verdicts: [Verdict], single: Bool, topK: Int) -> ByteBuffer {
        var json = JSONWriter(capacity: 256 * max(verdicts.count, 1))
        guard let first = verdicts.first else { return json.buffer }
        json.object { json in
            if single {
                members(first, topK, &json)
            } else {
                json.name("results")
                json.array(of: verdicts) { json, verdict in json.object { members(verdict, topK, &$0) } }
            }
            json.name("model")
            identity(first.answer.model.identity, &json)
        }
        return json.buffer
    }

    /// `{"name","version"}`.
    static func identity(_ identity: ModelIdentity, _ json: inout JSONWriter) {
        json.object { json in
            json.member("name", identity.name)
            json.member("version", identity.version)
        }
    }

    private static func members(_ verdict: Verdict, _ topK: Int, _ json: inout JSONWriter) {
        let labels = verdict.answer.model.labels
        json.name("intent")
        if let intent = verdict.intent { json.value(intent) } else { json.null() }
        json.member("confidence", verdict.confidence)
        json.name("intents")
        json.array(of: verdict.ranked(topK)) { json, index in
            json.object { json in
                json.member("intent", labels[index])
                json.member("confidence", verdict.answer.probabilities[index])
            }
        }
        if verdict.abstention != nil { json.member("abstained", true) }
        json.member("tokens", verdict.answer.tokens)
        json.member("truncated", verdict.answer.truncated)
    }
}
