extension OpenAPIDocument {
    /// The schemas of requests and answers.
    static func schemas(_ limits: ServerLimits) -> [String] {
        let options = #"""
            "top_k": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1,
              "description": "Intents listed, best first; more than there are gives all."},
            "threshold": {"type": "number", "minimum": 0, "maximum": 1,
              "description": "Below this confidence the answer is an abstention; the model's own if left out."},
            "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000,
              "description": "Milliseconds that the client waits; it can only shorten the latency bound."}
            """#
        let tensorParameters = #""parameters": {"type": "object"}"#
        return [
            #"""
            "Message": {"type": "string", "minLength": 1, "pattern": "[^\\t-\\r ]",
              "description": "A message with something besides white space.", "examples": ["My card has not arrived."]}
            """#,
            ##"""
            "ClassifyRequest": {"oneOf": [{"$ref": "#/components/schemas/ClassifyOne"},
              {"$ref": "#/components/schemas/ClassifySeveral"}]},
            "ClassifyOne": {"type": "object", "additionalProperties": false, "required": ["text"], "properties": {
              "text": {"$ref": "#/components/schemas/Message"},
              \##(options)}},
            "ClassifySeveral": {"type": "object", "additionalProperties": false, "required": ["texts"], "properties": {
              "texts": {"type": "array", "minItems": 1, "maxItems": \##(limits.rows),
                "items": {"$ref": "#/components/schemas/Message"}},
              \##(options)}}
            """##,
            ##"""
            "ClassifyResponse": {"oneOf": [{"$ref": "#/components/schemas/Answer"},
              {"$ref": "#/components/schemas/Answers"}]},
            "Answer": {"type": "object", "additionalProperties": false,
              "required": ["intent", "confidence", "intents", "tokens", "truncated", "model"],
              "properties": {\##(result), "model": {"$ref": "#/components/schemas/Model"}}},
            "Answers": {"type": "object", "additionalProperties": false, "required": ["results", "model"],
              "properties": {"results": {"type": "array", "minItems": 1,
                  "items": {"$ref": "#/components/schemas/Result"}},
                "model": {"$ref": "#/components/schemas/Model"}}},
            "Result": {"type": "object", "additionalProperties": false,
              "required": ["intent", "confidence", "intents", "tokens", "truncated"], "properties": {\##(result)}},
            "Intent": {"type": "object", "additionalProperties": false, "required": ["intent", "confidence"],
              "properties": {"intent": {"type": "string"}, "confidence": {"$ref": "#/components/schemas/Probability"}}},
            "Probability": {"type": "number", "minimum": 0, "maximum": 1},
            "Model": {"type": "object", "additionalProperties": false, "required": ["name", "version"],
              "properties": {"name": {"type": "string"}, "version": {"type": "string"}}}
            """##,
            ##"""
            "Labels": {"type": "object", "additionalProperties": false, "required": ["labels", "model"], "properties": {
              "labels": {"type": "array", "items": {"type": "string"}},
              "model": {"$ref": "#/components/schemas/Model"}}},
            "Status": {"type": "object", "additionalProperties": false, "required": ["status", "version"],
              "properties": {"status": {"type": "string"}, "version": {"type": "string"}}}
            """##,
            ##"""
            "PredictRequest": {"type": "object", "additionalProperties": false, "required": ["inputs"], "properties": {
              "inputs": {"oneOf": [{"$ref": "#/components/schemas/Message"},
                {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
                {"type": "array", "minItems": 1, "maxItems": \##(limits.rows), "items": {"type": "array",
                  "minItems": 1, "maxItems": 1, "items": {"$ref": "#/components/schemas/Message"}}}]},
              "raw_scores": {"type": "boolean", "default": false, "description": "Logits instead of probabilities."},
              "truncate": {"type": "boolean", "default": false,
                "description": "False refuses a message that is longer than the model reads."},
              "truncation_direction": {"description": "Taken for compatibility; the end of a message is left out."}}},
            "PredictResponse": {"oneOf": [{"$ref": "#/components/schemas/Scores"},
              {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Scores"}}]},
            "Scores": {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": false,
              "required": ["score", "label"],
              "properties": {"score": {"type": "number"}, "label": {"type": "string"}}}}
            """##,
            ##"""
            "InferServer": {"type": "object", "additionalProperties": false,
              "required": ["name", "version", "extensions"], "properties": {"name": {"type": "string"},
                "version": {"type": "string"}, "extensions": {"type": "array", "items": {"type": "string"}}}},
            "InferLive": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
            "InferReady": {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}},
            "InferModelReady": {"type": "object", "required": ["name", "ready"],
              "properties": {"name": {"type": "string"}, "ready": {"type": "boolean"}}},
            "InferModel": {"type": "object", "additionalProperties": false,
              "required": ["name", "versions", "platform", "inputs", "outputs"], "properties": {
                "name": {"type": "string"}, "versions": {"type": "array", "items": {"type": "string"}},
                "platform": {"type": "string"},
                "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}},
                "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}}}},
            "TensorMetadata": {"type": "object", "additionalProperties": false,
              "required": ["name", "datatype", "shape"], "properties": {"name": {"type": "string"},
                "datatype": {"enum": ["BYTES", "FP32"]}, "shape": {"type": "array", "items": {"type": "integer"}}}}
            """##,
            ##"""
            "InferRequest": {"type": "object", "additionalProperties": false, "required": ["inputs"], "properties": {
              "id": {"type": "string"}, \##(tensorParameters),
              "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "object",
                "additionalProperties": false, "required": ["name", "datatype", "shape", "data"], "properties": {
                  "name": {"const": "text"}, "datatype": {"const": "BYTES"}, \##(tensorParameters),
                  "shape": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"},
                    "description": "[n] or [n, 1] for n messages, at most \##(limits.rows)."},
                  "data": {"type": "array", "minItems": 1, "maxItems": \##(limits.rows),
                    "items": {"$ref": "#/components/schemas/Message"}}}}},
              "outputs": {"type": "array", "maxItems": 2, "items": {"type": "object", "additionalProperties": false,
                "required": ["name"], "properties": {"name": {"enum": ["label", "probability"]},
                  \##(tensorParameters)}}}}},
            "InferResponse": {"type": "object", "additionalProperties": false,
              "required": ["model_name", "model_version", "outputs"], "properties": {
                "model_name": {"type": "string"}, "model_version": {"type": "string"}, "id": {"type": "string"},
                "outputs": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                  "required": ["name", "datatype", "shape", "data"], "properties": {
                    "name": {"enum": ["label", "probability"]}, "datatype": {"enum": ["BYTES", "FP32"]},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "data": {"type": "array", "items": {"type": ["string", "number"]}}}}}}}
            """##,
            ##"""
            "Error": {"type": "object", "additionalProperties": false, "required": ["error"], "properties": {
              "error": {"type": "object", "additionalProperties": false,
                "required": ["code", "message", "request_id"], "properties": {
                  "code": {"enum": [\##(codes)]}, "message": {"type": "string"}, "request_id": {"type": "string"}}}}},
            "InferError": {"type": "object", "additionalProperties": false, "required": ["error"],
              "properties": {"error": {"type": "string"}}},
            "PredictError": {"type": "object", "additionalProperties": false, "required": ["error", "error_type"],
              "properties": {"error": {"type": "string"},
                "error_type": {"enum": ["Backend", "Overloaded", "Unhealthy", "Validation"]}}}
            """##,
        ]
    }

    /// What an answer says of one message.
    private static let result = ##"""
        "intent": {"type": ["string", "null"], "description": "Null on an abstention."},
        "confidence": {"$ref": "#/components/schemas/Probability"},
        "intents": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Intent"}},
        "abstained": {"const": true, "description": "There if the model does not know."},
        "tokens": {"type": "integer", "minimum": 1, "description": "Tokens that were read."},
        "truncated": {"type": "boolean", "description": "True if the message was longer than the model reads."}
        """##

    private static let codes = APIError.Code.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
}
