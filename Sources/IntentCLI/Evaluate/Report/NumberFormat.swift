/// Numbers as the report shows them, the same in every locale.
enum NumberFormat {
    /// `value` with `digits` decimals, rounded half to even.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let rounded = (abs(value) * scale).rounded(.toNearestOrEven)
        guard rounded < 1e18 else { return "\(value)" }
        let scaled = Int(rounded)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % Int(scale))
        return "\(sign)\(scaled / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// A share as a percentage.
    static func percent(_ share: Double, _ digits: Int = 2) -> String { fixed(share * 100, digits) + " %" }

    /// A difference with its sign.
    static func signed(_ value: Double, _ digits: Int) -> String {
        let text = fixed(value, digits)
        return value > 0 && text.contains(where: { ("1"..."9").contains($0) }) ? "+" + text : text
    }
}
