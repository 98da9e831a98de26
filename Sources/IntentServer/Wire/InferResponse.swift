import NIOCore

/// Answers of the Open Inference Protocol.
enum InferResponse {
    /// `{"model_name","model_version","id","outputs":[{"name","datatype","shape","data"}...]}`. An abstention's label
    /// is the empty string, since a BYTES tensor has no null; its probability is the best intent's.
    static func body(_ verdicts: [Verdict], _ request: InferRequest) -> ByteBuffer {
        var json = JSONWriter(capacity: 128 * (verdicts.count + 2))
        guard let model = verdicts.first?.answer.model else { return json.buffer }
        json.object { json in
            json.member("model_name", model.identity.name)
            json.member("model_version", model.identity.version)
            if let id = request.id { json.member("id", id) }
            json.name("outputs")
            json.array(of: request.outputs) { json, output in
                json.object { json in
                    json.member("name", output.rawValue)
                    json.member("datatype", output == .label ? "BYTES" : "FP32")
                    json.name("shape")
                    json.array { $0.value(verdicts.count) }
                    json.name("data")
                    json.array(of: verdicts) { json, verdict in
                        switch output {
                        case .label: json.value(verdict.intent ?? "")
                        case .probability: json.value(verdict.confidence)
                        }
                    }
                }
            }
        }
        return json.buffer
    }

    /// `GET /v2`.
    static func server() -> ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("name", "intentd")
            json.member("version", IntentdVersion.current)
            json.name("extensions")
            json.array { _ in }
        }
        return json.buffer
    }

    /// `GET /v2/models/{name}`.
    static func model(_ model: ModelSummary) -> ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("name", model.identity.name)
            json.name("versions")
            json.array { $0.value(model.identity.version) }
            json.member("platform", "intentd_\(model.architecture)_\(model.precision)")
            json.name("inputs")
            json.array { tensor(InferRequest.inputName, "BYTES", &$0) }
            json.name("outputs")
            json.array { json in
                tensor(InferRequest.Output.label.rawValue, "BYTES", &json)
                tensor(InferRequest.Output.probability.rawValue, "FP32", &json)
            }
        }
        return json.buffer
    }

    private static func tensor(_ name: String, _ datatype: String, _ json: inout JSONWriter) {
        json.object { json in
            json.member("name", name)
            json.member("datatype", datatype)
            json.name("shape")
            json.array { $0.value(-1) }
        }
    }
}
