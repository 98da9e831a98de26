import Checkpoint
import NIOCore

/// The body of `POST /classify`.
struct ClassifyRequest: Sendable, Equatable {
    /// One message, or several answered in order.
    enum Messages: Sendable, Equatable {
        case single(String)
        case several([String])

        var texts: [String] {
            switch self {
            case .single(let text): [text]
            case .several(let texts): texts
            }
        }

        /// The field that holds the message at an index, for errors.
        func field(_ index: Int) -> String {
            switch self {
            case .single: "text"
            case .several: "texts[\(index)]"
            }
        }
    }

    static let topKRange = 1...1000
    static let timeoutRange = 1...600_000

    var messages: Messages
    /// Intents listed; more than there are gives all.
    var topK = 1
    /// Nil takes the model's own.
    var threshold: Float?
    var timeout: Duration?

    /// - Parameter maximumRows: messages that one request may hold.
    /// - Throws: 400 for what is not JSON, 422 naming the field that is wrong, 413 for too many messages.
    init(body: ByteBuffer, maximumRows: Int) throws(APIError) {
        var fields = try RequestFields(body: body)
        let text = try fields.string("text")
        let texts = try fields.array("texts")
        topK = try fields.integer("top_k", in: Self.topKRange) ?? 1
        threshold = try fields.number("threshold", in: 0...1).map(Float.init)
        timeout = try fields.integer("timeout_ms", in: Self.timeoutRange).map { .milliseconds($0) }
        try fields.finish()
        switch (text, texts) {
        case (let text?, nil): messages = .single(text)
        case (nil, let values?): messages = .several(try Self.strings(values, field: "texts", maximum: maximumRows))
        case (nil, nil): throw .invalid("text or texts is missing")
        case (_?, _?): throw .invalid("text and texts exclude each other")
        }
        for (index, text) in messages.texts.enumerated() where text.isBlank {
            throw .invalid("\(messages.field(index)) is empty")
        }
    }

    /// An array that must hold strings, at least one and not more than `maximum`.
    static func strings(_ values: [JSONValue], field: String, maximum: Int) throws(APIError) -> [String] {
        guard !values.isEmpty else { throw .invalid("\(field) is empty") }
        guard values.count <= maximum else {
            throw APIError(
                code: .tooLarge,
                message: "\(field) holds \(values.count) messages; at most \(maximum) may be sent at once")
        }
        var strings: [String] = []
        strings.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard let string = value.string else { throw .invalid("\(field)[\(index)] must be a string") }
            strings.append(string)
        }
        return strings
    }
}

extension String {
    /// True if nothing but ASCII white space is there: what the tokenizer calls an empty message.
    var isBlank: Bool { utf8.allSatisfy { $0 == 0x20 || (0x09...0x0d).contains($0) } }
}
