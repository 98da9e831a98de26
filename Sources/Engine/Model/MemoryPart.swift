/// A part of a loaded model in memory, beside what it would take in f32.
public struct MemoryPart: Sendable, Equatable {
    /// What it is, e.g. "attention".
    public var name: String
    /// Bytes as it is held.
    public var bytes: Int
    /// Bytes of the same weights in f32.
    public var f32Bytes: Int
}
