import Glibc

/// A fixed-size block of memory aligned for the widest SIMD loads, zeroed when made.
///
/// A large block is mapped by itself: the system gives it zeroed pages as they are first written, and has them back when
/// the buffer goes.
///
/// Not thread-safe by itself: `@unchecked Sendable` because a buffer is either written before it is shared
/// and then only read (weights), or owned by the engine thread, whose parallel loops write disjoint ranges
/// (workspace).
final class AlignedBuffer<Element>: @unchecked Sendable {
    /// The elements. Valid as long as the buffer lives.
    let pointer: UnsafeMutablePointer<Element>
    /// How many elements there are.
    let count: Int

    /// Bytes each buffer starts on: a cache line, and a whole AVX-512 register.
    static var alignment: Int { 64 }

    /// Bytes from which on a buffer is mapped.
    private static var mappedSize: Int { 1 << 18 }

    /// Who gives the memory back.
    private enum Owner {
        case mapping, allocation, arena(WeightArena)
    }

    private let owner: Owner

    /// - Parameter arena: where the memory comes from, if it has any; else the buffer has memory of its own.
    /// - Precondition: `Element` is trivial (numbers only).
    init(count: Int, in arena: WeightArena? = nil) {
        precondition(_isPOD(Element.self) && count >= 0)
        let bytes = max(count * MemoryLayout<Element>.stride, 1)
        self.count = count
        if let arena, let block = arena.take(bytes) {
            owner = .arena(arena)
            pointer = block.bindMemory(to: Element.self, capacity: max(count, 1))
            return
        }
        let pages = bytes < Self.mappedSize ? MAP_FAILED
            : mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let raw: UnsafeMutableRawPointer
        if let pages, pages != MAP_FAILED {
            raw = pages
            owner = .mapping
        } else {
            raw = .allocate(byteCount: bytes, alignment: Self.alignment)
            memset(raw, 0, bytes)
            owner = .allocation
        }
        pointer = raw.bindMemory(to: Element.self, capacity: max(count, 1))
    }

    /// Bytes held.
    var byteCount: Int { count * MemoryLayout<Element>.stride }

    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count)
            return pointer[index]
        }
        set {
            precondition(index >= 0 && index < count)
            pointer[index] = newValue
        }
    }

    deinit {
        switch owner {
        case .mapping: munmap(pointer, byteCount)
        case .allocation: UnsafeMutableRawPointer(pointer).deallocate()
        case .arena: break
        }
    }
}
