import CKernels
import Testing

/// One level that this processor can run, as an argument of tests.
struct KernelLevel: CustomTestStringConvertible, @unchecked Sendable {
    /// The level's functions. `@unchecked Sendable`: a constant table without state.
    let pointer: UnsafePointer<ck_kernels>

    var table: ck_kernels { pointer.pointee }
    var name: String { String(cString: table.name) }
    var testDescription: String { name }

    /// The plain twin that the level is held against.
    var twin: KernelLevel { KernelLevel(pointer: ck_twin(pointer)) }

    /// Whether bf16 products round in an order of their own (vdpbf16ps) and not in the twin's.
    var roundsPairs: Bool { name == "avx512bf16" }

    static let names = ["generic", "avx2", "avx512vnni", "avx512bf16", "neon"]

    /// Levels that can run here: always the generic one, and every SIMD level of this processor.
    static let available: [KernelLevel] = names.compactMap { name in
        ck_select(name).map { KernelLevel(pointer: $0) }
    }
}
