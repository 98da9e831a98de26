/// Cuts a byte stream into lines (LF or CRLF), with a bound on how long one may be.
///
/// A line over the bound is reported once, with its bytes dropped as they arrive.
struct LineSplitter {
    /// A line, or the fact that it was too long.
    enum Line: Equatable {
        case bytes([UInt8])
        case tooLong(limit: Int)
    }

    /// The longest line in bytes.
    let limit: Int
    private var buffer: [UInt8] = []
    private var start = 0
    private var scanned = 0
    private var dropping = false

    init(limit: Int) { self.limit = limit }

    /// Takes more of the stream through `fill`, which appends bytes.
    mutating func append<Failure: Error>(_ fill: (inout [UInt8]) throws(Failure) -> Bool) throws(Failure) -> Bool {
        if start > 0 {
            buffer.removeSubrange(..<start)
            scanned -= start
            start = 0
        }
        return try fill(&buffer)
    }

    /// The next whole line, or nil until more bytes come.
    mutating func next() -> Line? {
        while true {
            if let newline = buffer[scanned...].firstIndex(of: 0x0a) {
                defer {
                    start = newline + 1
                    scanned = start
                }
                if dropping {
                    dropping = false
                    return .tooLong(limit: limit)
                }
                return finished(start..<newline)
            }
            scanned = buffer.count
            if scanned - start > limit + 1 {
                dropping = true
                start = scanned
            }
            return nil
        }
    }

    /// What follows the last line feed at the end of the stream, or nil when nothing does.
    mutating func last() -> Line? {
        defer {
            start = buffer.count
            scanned = start
            dropping = false
        }
        if dropping { return .tooLong(limit: limit) }
        return start < buffer.count ? finished(start..<buffer.count) : nil
    }

    /// The bytes not yet handed out, as they came: for a reader that goes on without lines.
    mutating func takeRest() -> [UInt8] {
        defer {
            start = buffer.count
            scanned = start
        }
        return Array(buffer[start...])
    }

    private func finished(_ range: Range<Int>) -> Line {
        var end = range.upperBound
        if end > range.lowerBound, buffer[end - 1] == 0x0d { end -= 1 }
        if end - range.lowerBound > limit { return .tooLong(limit: limit) }
        return .bytes(Array(buffer[range.lowerBound..<end]))
    }
}
