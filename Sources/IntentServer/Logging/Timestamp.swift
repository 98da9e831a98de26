import FoundationEssentials
import Glibc

/// The wall clock for people and log collectors; nothing is timed by it.
enum Timestamp {
    /// Now in UTC, to the millisecond, as RFC 3339 has it: `2026-11-27T09:05:00.120Z`.
    static func now() -> String {
        let milliseconds = Int((Date.now.timeIntervalSince1970 * 1000).rounded(.down))
        return text(seconds: milliseconds / 1000, milliseconds: milliseconds % 1000)
    }

    /// - Parameter seconds: since 1970, in the years 0 to 9999.
    static func text(seconds: Int, milliseconds: Int) -> String {
        var seconds = seconds
        var fields = tm()
        gmtime_r(&seconds, &fields)
        let year = Int(fields.tm_year) + 1900
        let parts: [(value: Int, digits: Int, separator: UInt8)] = [
            (year, 4, UInt8(ascii: "-")), (Int(fields.tm_mon) + 1, 2, UInt8(ascii: "-")),
            (Int(fields.tm_mday), 2, UInt8(ascii: "T")), (Int(fields.tm_hour), 2, UInt8(ascii: ":")),
            (Int(fields.tm_min), 2, UInt8(ascii: ":")), (Int(fields.tm_sec), 2, UInt8(ascii: ".")),
            (milliseconds, 3, UInt8(ascii: "Z")),
        ]
        return String(unsafeUninitializedCapacity: 24) { text in
            var end = 0
            for part in parts {
                var value = part.value
                for index in (end..<end + part.digits).reversed() {
                    text[index] = UInt8(ascii: "0") + UInt8(value % 10)
                    value /= 10
                }
                text[end + part.digits] = part.separator
                end += part.digits + 1
            }
            return end
        }
    }
}
