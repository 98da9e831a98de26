import Checkpoint
import NIOCore

/// The body of text-embeddings-inference's `POST /predict`.
///
/// `inputs` is a string, an array of one string, or a batch `[["..."], ...]`. A second string in an inner array is a
/// sentence pair there; this model reads single messages, so pairs are refused. Source: TEI's router, `PredictInput`.
struct PredictRequest: Sendable, Equatable {
    var texts: [String]
    /// True if the answer is a list of lists.
    var isBatch: Bool
    /// Logits instead of probabilities.
    var rawScores: Bool
    /// False refuses a message that is longer than the model reads, as there.
    var truncate: Bool

    init(body: ByteBuffer, maximumRows: Int) throws(APIError) {
        var fields = try RequestFields(body: body)
        let inputs = fields.value("inputs")
        rawScores = try fields.bool("raw_scores") ?? false
        truncate = try fields.bool("truncate") ?? false
        // Known there, without a meaning for this model.
        _ = fields.value("truncation_direction")
        try fields.finish()
        guard let inputs else { throw .invalid("inputs is missing") }
        if let text = inputs.string {
            (texts, isBatch) = ([text], false)
        } else if let values = inputs.array {
            if values.first?.string != nil {
                guard values.count == 1 else { throw Self.pairs("inputs") }
                (texts, isBatch) = (try ClassifyRequest.strings(values, field: "inputs", maximum: 1), false)
            } else {
                (texts, isBatch) = (try Self.batch(values, maximumRows: maximumRows), true)
            }
        } else {
            throw .invalid("inputs must be a string, [string] or [[string], ...]")
        }
        for (index, text) in texts.enumerated() where text.isBlank { throw .invalid("\(field(index)) is empty") }
    }

    /// The field that holds the message at an index, for errors.
    func field(_ index: Int) -> String { isBatch ? "inputs[\(index)]" : "inputs" }

    private static func batch(_ values: [JSONValue], maximumRows: Int) throws(APIError) -> [String] {
        guard !values.isEmpty else { throw .invalid("inputs is empty") }
        guard values.count <= maximumRows else {
            throw APIError(
                code: .tooLarge,
                message: "inputs holds \(values.count) messages; at most \(maximumRows) may be sent at once")
        }
        var texts: [String] = []
        for (index, value) in values.enumerated() {
            guard let inner = value.array else { throw .invalid("inputs[\(index)] must be an array of one string") }
            guard inner.count < 2 else { throw pairs("inputs[\(index)]") }
            texts += try ClassifyRequest.strings(inner, field: "inputs[\(index)]", maximum: 1)
        }
        return texts
    }

    private static func pairs(_ field: String) -> APIError {
        .invalid("\(field) is a pair of strings; this model reads one message at a time: send [[\"a\"], [\"b\"]]")
    }
}
