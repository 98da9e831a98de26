/// Lines of a file descriptor, inflated when they are gzip, in bounded memory.
struct LineReader: ~Copyable {
    private var source: ByteSource
    private var splitter: LineSplitter
    private var chunk: [UInt8] = []
    private var isFirst = true

    /// - Parameter limit: the longest line in bytes.
    init(source: consuming ByteSource, limit: Int) {
        self.source = source
        splitter = LineSplitter(limit: limit)
    }

    /// True when `next()` would have to wait for more input, once all that is there has been read.
    mutating func wouldBlock() throws(InputError) -> Bool {
        while !splitter.hasLine() {
            if source.wouldBlock { return true }
            guard let bytes = try nextBytes() else { return false }
            splitter.append(bytes)
        }
        return false
    }

    /// True when `nextBytes()` would have to wait for more input.
    var bytesWouldBlock: Bool { source.wouldBlock }

    /// The next line, or nil at the end. A byte-order mark at the start of the stream is no part of its line.
    mutating func next() throws(InputError) -> LineSplitter.Line? {
        var line = splitter.next()
        while line == nil {
            guard let bytes = try nextBytes() else {
                line = splitter.last()
                break
            }
            splitter.append(bytes)
            line = splitter.next()
        }
        guard isFirst, let found = line else { return line }
        isFirst = false
        if case .bytes(let bytes) = found, bytes.starts(with: ByteOrderMark.utf8) {
            return .bytes(Array(bytes.dropFirst(ByteOrderMark.utf8.count)))
        }
        return found
    }

    /// The bytes that `next()` has not handed out and that were read already, as they came.
    mutating func takeRest() -> ArraySlice<UInt8> { splitter.takeRest() }

    /// More bytes of the stream, past the lines, perhaps none yet; nil at its end.
    mutating func nextBytes() throws(InputError) -> [UInt8]? {
        chunk.removeAll(keepingCapacity: true)
        return try source.read(into: &chunk) ? chunk : nil
    }
}

/// U+FEFF at the start of a text, which editors on some systems write.
enum ByteOrderMark {
    static let utf8: [UInt8] = [0xef, 0xbb, 0xbf]
}
