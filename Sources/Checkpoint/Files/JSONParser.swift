/// Recursive-descent parser over bytes, depth-limited; see ``JSONValue`` for what it accepts beyond RFC 8259.
struct JSONParser {
    static let depthLimit = 64
    /// Values in a document. A value takes many times the memory of its text, `0,` being the shortest; the largest
    /// documents here, headers of models with many shards, have some ten thousand.
    static let valueLimit = 2_000_000

    private let bytes: UnsafeRawBufferPointer
    private var at = 0
    private var depth = 0
    private var values = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try self.value()
        skipSpace()
        guard at == bytes.count else { throw .trailingBytes(offset: at) }
        return value
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipSpace()
        guard at < bytes.count else { throw .unexpectedEnd(offset: at) }
        values += 1
        guard values <= Self.valueLimit else { throw .tooManyValues(offset: at) }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N"): return try word("NaN", .number(.nan))
        case UInt8(ascii: "I"): return try word("Infinity", .number(.infinity))
        default: return try number()
        }
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try enter()
        var object = JSONValue.Object()
        skipSpace()
        if take(UInt8(ascii: "}")) { return leave(.object(object)) }
        while true {
            skipSpace()
            let start = at
            guard at < bytes.count else { throw .unexpectedEnd(offset: at) }
            guard bytes[at] == UInt8(ascii: "\"") else { throw .unexpectedByte(offset: at) }
            let name = try string()
            skipSpace()
            try expect(UInt8(ascii: ":"))
            let value = try self.value()
            guard object.add(name, value) else { throw .duplicateName(name, depth: depth, offset: start) }
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "}"))
            return leave(.object(object))
        }
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return leave(.array(elements)) }
        while true {
            elements.append(try value())
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "]"))
            return leave(.array(elements))
        }
    }

    private mutating func string() throws(JSONError) -> String {
        let start = at
        at += 1
        var content: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else { throw .invalidString(offset: start) }
                return text
            case UInt8(ascii: "\\"):
                try escape(into: &content)
            case 0..<0x20:
                throw .invalidString(offset: at - 1)
            default:
                content.append(byte)
            }
        }
        throw .unexpectedEnd(offset: at)
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        guard at < bytes.count else { throw .unexpectedEnd(offset: at) }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(8)
        case UInt8(ascii: "f"): content.append(12)
        case UInt8(ascii: "n"): content.append(10)
        case UInt8(ascii: "r"): content.append(13)
        case UInt8(ascii: "t"): content.append(9)
        case UInt8(ascii: "u"):
            let start = at
            var code = UInt32(try hexadecimal())
            if (0xD800..<0xDC00).contains(code) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw .invalidString(offset: start) }
                let low = UInt32(try hexadecimal())
                guard (0xDC00..<0xE000).contains(low) else { throw .invalidString(offset: start) }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw .invalidString(offset: start) }
            content.append(contentsOf: String(Character(scalar)).utf8)
        default: throw .invalidString(offset: at - 1)
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt16 {
        guard bytes.count - at >= 4 else { throw .unexpectedEnd(offset: bytes.count) }
        var value: UInt16 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch bytes[at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[at] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[at] - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[at] - UInt8(ascii: "A") + 10
            default: throw .invalidString(offset: at)
            }
            value = value << 4 | UInt16(digit)
            at += 1
        }
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        let negative = take(UInt8(ascii: "-"))
        if negative, at < bytes.count, bytes[at] == UInt8(ascii: "I") {
            return try word("Infinity", .number(-.infinity))
        }
        guard at < bytes.count else { throw .unexpectedEnd(offset: at) }
        let integerStart = at
        guard digits() else { throw start == at ? .unexpectedByte(offset: at) : .invalidNumber(offset: start) }
        if bytes[integerStart] == UInt8(ascii: "0"), at - integerStart > 1 { throw .invalidNumber(offset: start) }
        var whole = true
        if take(UInt8(ascii: ".")) {
            whole = false
            guard digits() else { throw .invalidNumber(offset: start) }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            whole = false
            if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
            guard digits() else { throw .invalidNumber(offset: start) }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if whole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text) else { throw .invalidNumber(offset: start) }
        return .number(value)
    }

    private mutating func digits() -> Bool {
        let start = at
        while at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) { at += 1 }
        return at > start
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let start = at
        for index in 0..<text.utf8CodeUnitCount {
            guard at < bytes.count else { throw .unexpectedEnd(offset: at) }
            guard bytes[at] == text.utf8Start[index] else { throw .unexpectedByte(offset: start) }
            at += 1
        }
        return value
    }

    private mutating func enter() throws(JSONError) {
        guard depth < Self.depthLimit else { throw .tooDeep(offset: at) }
        depth += 1
        at += 1
    }

    private mutating func leave(_ value: JSONValue) -> JSONValue {
        depth -= 1
        return value
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard at < bytes.count else { throw .unexpectedEnd(offset: at) }
        guard bytes[at] == byte else { throw .unexpectedByte(offset: at) }
        at += 1
    }

    private mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return
            }
        }
    }
}
