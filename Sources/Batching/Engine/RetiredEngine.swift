#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// An engine that another has replaced, on its way out.
///
/// `@unchecked Sendable`: one thread calls `end()`, once; starting that thread orders all earlier use of the engine
/// before it, and nobody else keeps a reference.
final class RetiredEngine: @unchecked Sendable {
    private var engine: (any BatchEngine)?

    init(_ engine: any BatchEngine) { self.engine = engine }

    /// Ends the engine's threads and gives its memory back to the system.
    func end() {
        engine?.stop()
        engine = nil
        Self.trimHeap()
    }

    /// The C library keeps freed blocks for later; between what the replacement holds they would stay for good, some
    /// tens of megabytes. Looked up by name: not every C library has it (malloc_trim(3) is glibc's).
    private static func trimHeap() {
        typealias Trim = @convention(c) (Int) -> CInt
        guard let symbol = dlsym(nil, "malloc_trim") else { return }
        _ = unsafeBitCast(symbol, to: Trim.self)(0)
    }
}
