import CKernels

/// How the merged weights are held and multiplied.
public enum Precision: String, Sendable, CaseIterable, Codable {
    /// f32 through OpenBLAS, one message at a time: the plain twin of everything else. Not for serving.
    case reference
    /// f32 weights and activations.
    case f32
    /// bf16 weights and activations, f32 sums.
    case bf16
    /// int8 weights per output channel, int8 activations per token and group of inputs.
    case int8
    /// 4-bit weights decoded in registers, int8 activations; the adapter is a low-rank side product.
    case nf4

    /// The kernels' format; nil for `reference`.
    var format: ck_format? {
        switch self {
        case .reference: nil
        case .f32: CK_F32
        case .bf16: CK_BF16
        case .int8: CK_INT8
        case .nf4: CK_NF4
        }
    }
}
