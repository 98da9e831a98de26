extension JSONValue {
    /// How a document is laid out; all three are what Python's `json` module writes with other arguments.
    enum Layout {
        /// `separators=(",", ":")`.
        case compact
        /// The defaults: a space after commas and colons.
        case python
        /// `indent=2, sort_keys=True`, as transformers writes its configurations.
        case indented
    }

    /// The document as text, in ASCII.
    func text(_ layout: Layout) -> String {
        var text = ""
        write(to: &text, layout, level: 0)
        return text
    }

    private func write(to text: inout String, _ layout: Layout, level: Int) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += Self.pythonText(value)
        case .string(let value): Self.write(value, to: &text)
        case .array(let elements):
            Self.write(elements.count, "[", "]", to: &text, layout, level) { index, text in
                elements[index].write(to: &text, layout, level: level + 1)
            }
        case .object(let object):
            let members = layout == .indented ? object.members.sorted { $0.name < $1.name } : object.members
            Self.write(members.count, "{", "}", to: &text, layout, level) { index, text in
                Self.write(members[index].name, to: &text)
                text += layout == .compact ? ":" : ": "
                members[index].value.write(to: &text, layout, level: level + 1)
            }
        }
    }

    private static func write(
        _ count: Int, _ open: String, _ close: String, to text: inout String, _ layout: Layout, _ level: Int,
        element: (Int, inout String) -> Void
    ) {
        text += open
        for index in 0..<count {
            if index > 0 { text += layout == .python ? ", " : "," }
            if layout == .indented { text += "\n" + String(repeating: "  ", count: level + 1) }
            element(index, &text)
        }
        if layout == .indented, count > 0 { text += "\n" + String(repeating: "  ", count: level) }
        text += close
    }

    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for unit in value.utf16 {
            switch unit {
            case 0x22: text += "\\\""
            case 0x5C: text += "\\\\"
            case 0x08: text += "\\b"
            case 0x09: text += "\\t"
            case 0x0A: text += "\\n"
            case 0x0C: text += "\\f"
            case 0x0D: text += "\\r"
            case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        text += "\""
    }

    /// A number as Python's `repr` writes it: the shortest digits that read back the same, with an exponent below
    /// 1e-4 and from 1e16 on.
    static func pythonText(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity" }
        guard value != 0 else { return value.sign == .minus ? "-0.0" : "0.0" }
        // Swift finds the same shortest digits but places the point by another rule: take the digits apart.
        let shortest = value.magnitude.description.lowercased()
        let parts = shortest.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = String(mantissa[0])
        var point = digits.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        if mantissa.count > 1 { digits += mantissa[1] }
        let leading = digits.prefix { $0 == "0" }.count
        digits.removeFirst(leading)
        point -= leading
        while digits.last == "0" { digits.removeLast() }

        let sign = value < 0 ? "-" : ""
        if point <= -4 || point > 16 {
            let exponent = point - 1
            let rest = digits.dropFirst()
            let size = String(exponent.magnitude)
            return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e" + (exponent < 0 ? "-" : "+")
                + (size.count < 2 ? "0" : "") + size
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}
