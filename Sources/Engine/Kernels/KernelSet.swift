import CKernels

/// The SIMD kernels of one instruction-set level.
///
/// `@unchecked Sendable`: the table is constant, lives for ever, and its functions keep no state.
struct KernelSet: @unchecked Sendable {
    private let pointer: UnsafePointer<ck_kernels>

    /// The C functions, documented in `ckernels.h`.
    var table: ck_kernels {
        @inline(__always) get { pointer.pointee }
    }

    /// The level's name, e.g. "avx2".
    var name: String { String(cString: pointer.pointee.name) }

    /// The largest magnitude of a quantised activation, which tells how the level quantises.
    var activationLimit: Int { Int(pointer.pointee.activation_limit) }

    /// The best level of this processor, or the one that `forced` names.
    /// - Throws: `EngineError.unsupported` when the name is unknown or this processor cannot run that level.
    init(forced: String? = nil) throws(EngineError) {
        guard let pointer = ck_select(forced) else {
            throw .unsupported(
                "instruction set '\(forced ?? "")' on this processor; it can run \(Self.available.joined(separator: ", "))")
        }
        self.pointer = pointer
    }

    /// Names of the levels that this processor can run.
    static var available: [String] {
        (0..<CK_LEVEL_COUNT.rawValue).filter { ck_level_available(ck_level($0)) != 0 }
            .compactMap { ck_level_name(ck_level($0)).map { String(cString: $0) } }
    }
}
