/// A text after normalisation, ready to be split: its bytes, and where each came from.
struct NormalizedText {
    /// The bytes, and ``PieceIndex/padding`` spare ones.
    private(set) var bytes: [UInt8] = []
    /// For each byte, and for the end, the offset in the original text that it came from; nil if not asked for.
    private(set) var origins: [Int]?

    /// How many bytes there are without the spare ones.
    private(set) var count = 0

    init(tracksOrigins: Bool, capacity: Int) {
        bytes.reserveCapacity(capacity + PieceIndex.padding)
        if tracksOrigins { origins = [] }
    }

    /// Bytes that are normalised already.
    init(padding text: some Collection<UInt8>) {
        bytes = Array(text)
        seal(origin: 0)
    }

    @inline(__always)
    mutating func append(_ byte: UInt8, origin: Int) {
        bytes.append(byte)
        origins?.append(origin)
    }

    @inline(__always)
    mutating func append(_ other: [UInt8], origin: Int) {
        for byte in other { append(byte, origin: origin) }
    }

    /// Takes `suffix` off the end as long as it is there.
    /// - Returns: the origin of the last byte sequence taken off, if any was and origins are kept.
    mutating func removeTrailing(_ suffix: [UInt8]) -> Int? {
        var origin: Int?
        while bytes.count >= suffix.count, bytes[(bytes.count - suffix.count)...].elementsEqual(suffix) {
            bytes.removeLast(suffix.count)
            if let origins { origin = origins[bytes.count] }
            self.origins?.removeLast(suffix.count)
        }
        return origin
    }

    /// Ends the text: nothing is appended after this.
    mutating func seal(origin: Int) {
        count = bytes.count
        origins?.append(origin)
        for _ in 0..<PieceIndex.padding { bytes.append(0) }
    }
}
