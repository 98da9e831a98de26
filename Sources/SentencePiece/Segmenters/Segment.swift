/// A stretch of normalised text and the piece chosen for it. It starts where the one before it ends.
struct Segment: Equatable {
    /// Offset behind its last byte.
    var end: Int
    /// The piece's id; the unknown piece's (or -1) if no piece covers the text.
    var id: Int32
}
