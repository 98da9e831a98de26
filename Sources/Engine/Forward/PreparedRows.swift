import CKernels

/// Activations in the form a product reads: f32, or rounded to bf16, or quantised to int8.
struct PreparedRows {
    /// Row 0.
    let pointer: UnsafeMutableRawPointer
    /// Bytes from one row to the next.
    let stride: Int
    /// A `ck_format`.
    let format: Int32
    /// Inputs that share an int8 scale.
    let group: Int32

    /// Row `row`.
    subscript(row: Int) -> UnsafeMutableRawPointer { pointer + row * stride }
}
