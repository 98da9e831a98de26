/// A part of a loaded model in memory, beside what it would take in f32.
public struct MemoryPart: Sendable, Equatable {
    /// What it is, e.g. "attention".
    public var name: String
    /// Bytes as it is held.
    public var bytes: Int
    /// Bytes of the same weights in f32.
    public var f32Bytes: Int
    /// Whether it is f32 in every precision.
    var isAlwaysF32 = false

    /// A part that is packed.
    init(name: String, bytes: Int, f32Bytes: Int) {
        self.name = name
        self.bytes = bytes
        self.f32Bytes = f32Bytes
    }

    /// A part that is f32 in every precision.
    /// - Parameter count: its numbers.
    init(name: String, floats count: Int) {
        self.init(name: name, bytes: count * MemoryLayout<Float>.stride, f32Bytes: count * MemoryLayout<Float>.stride)
        isAlwaysF32 = true
    }
}
