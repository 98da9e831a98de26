import NIOCore

/// Writes JSON in a fixed member order, straight into the response's buffer.
struct JSONWriter {
    private(set) var buffer: ByteBuffer
    private var needsComma = false

    init(capacity: Int = 256) { buffer = ByteBufferAllocator().buffer(capacity: capacity) }

    mutating func object(_ body: (inout JSONWriter) -> Void) { nested("{", "}", body) }
    mutating func array(_ body: (inout JSONWriter) -> Void) { nested("[", "]", body) }

    /// An array with one value an element.
    mutating func array<Elements: Sequence>(
        of elements: Elements, _ write: (inout JSONWriter, Elements.Element) -> Void
    ) {
        array { json in for element in elements { write(&json, element) } }
    }

    /// A member's name; its value comes next.
    mutating func name(_ name: String) {
        value(name)
        buffer.writeStaticString(":")
        needsComma = false
    }

    mutating func member(_ name: String, _ string: String) {
        self.name(name)
        value(string)
    }

    mutating func member(_ name: String, _ number: Int) {
        self.name(name)
        value(number)
    }

    mutating func member(_ name: String, _ number: Float) {
        self.name(name)
        value(number)
    }

    mutating func member(_ name: String, _ flag: Bool) {
        self.name(name)
        separate()
        buffer.writeString(flag ? "true" : "false")
    }

    mutating func null() {
        separate()
        buffer.writeStaticString("null")
    }

    mutating func value(_ number: Int) {
        separate()
        buffer.writeString(String(number))
    }

    /// The shortest decimal that reads back as the same f32; JSON has no infinities.
    mutating func value(_ number: Float) {
        guard number.isFinite else { return null() }
        separate()
        buffer.writeString(number.description)
    }

    /// A string, escaped as RFC 8259, section 7, asks, with the line separators that JavaScript trips over.
    mutating func value(_ string: String) {
        separate()
        buffer.writeStaticString("\"")
        defer { buffer.writeStaticString("\"") }
        // Most strings are names and numbers of the service's own.
        let isPlain = string.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x22 && $0 != 0x5c }
        if isPlain {
            buffer.writeString(string)
            return
        }
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": buffer.writeStaticString("\\\"")
            case "\\": buffer.writeStaticString("\\\\")
            case "\n": buffer.writeStaticString("\\n")
            case "\r": buffer.writeStaticString("\\r")
            case "\t": buffer.writeStaticString("\\t")
            case "\u{0}"..<"\u{20}", "\u{7f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                buffer.writeString("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
            default: buffer.writeBytes(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    private mutating func nested(_ open: StaticString, _ close: StaticString, _ body: (inout JSONWriter) -> Void) {
        separate()
        buffer.writeStaticString(open)
        needsComma = false
        body(&self)
        buffer.writeStaticString(close)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { buffer.writeStaticString(",") }
        needsComma = true
    }
}
