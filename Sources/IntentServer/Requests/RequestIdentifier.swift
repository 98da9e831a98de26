import HTTPTypes

/// The id under which a request is logged and answered: the client's own if it is harmless, else a random one.
enum RequestIdentifier {
    /// Characters of a client's id at most.
    static let maximumLength = 128

    /// 64 random bits in hexadecimal.
    static func make() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The client's id, if it can be shown in a header and a log line without escaping.
    static func accepted(_ header: String?) -> String? {
        guard let header, (1...maximumLength).contains(header.utf8.count) else { return nil }
        let isPlain = header.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "+"):
                true
            default: false
            }
        }
        return isPlain ? header : nil
    }
}

extension HTTPField.Name {
    /// `X-Request-Id`: names a request across services.
    static let requestID = HTTPField.Name("X-Request-Id")!
    /// `Server-Timing`: see ``ServerTiming``.
    static let serverTiming = HTTPField.Name("Server-Timing")!
    /// `X-Request-Timeout-Ms`: the client's own time limit.
    static let requestTimeout = HTTPField.Name("X-Request-Timeout-Ms")!
    /// Bytes of the JSON part of a request in Triton's binary extension.
    static let inferenceHeaderLength = HTTPField.Name("Inference-Header-Content-Length")!
}
