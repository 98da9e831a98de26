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
    /// Where the next line starts.
    private var start = 0
    /// Bytes before this hold no line feed after `start`.
    private var scanned = 0
    private var dropping = false

    init(limit: Int) { self.limit = limit }

    /// Takes more of the stream.
    mutating func append(_ bytes: some Collection<UInt8>) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            scanned -= start
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// True if a whole line is here.
    mutating func hasLine() -> Bool {
        scanned = buffer[scanned...].firstIndex(of: 0x0a) ?? buffer.count
        if scanned < buffer.count { return true }
        // One more byte may be the carriage return of a line that just fits.
        if scanned - start > limit + 1 { dropping = true }
        if dropping { start = scanned }
        return false
    }

    /// The next whole line, or nil until more bytes come.
    mutating func next() -> Line? {
        guard hasLine() else { return nil }
        defer {
            scanned += 1
            start = scanned
            dropping = false
        }
        return dropping ? .tooLong(limit: limit) : finished(start..<scanned)
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
    mutating func takeRest() -> ArraySlice<UInt8> {
        defer {
            start = buffer.count
            scanned = start
        }
        return buffer[start...]
    }

    private func finished(_ range: Range<Int>) -> Line {
        var end = range.upperBound
        if end > range.lowerBound, buffer[end - 1] == 0x0d { end -= 1 }
        if end - range.lowerBound > limit { return .tooLong(limit: limit) }
        return .bytes(Array(buffer[range.lowerBound..<end]))
    }
}
