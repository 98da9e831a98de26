import Glibc
import Synchronization

/// Memory for packed weights in large regions that the system is asked to map with huge pages: a pass over all weights,
/// which even one short message makes, then misses the processor's page tables hundreds of times less often.
///
/// Weights are packed once and go together, so nothing is given back before the arena itself goes. Pages that nobody
/// wrote take no memory, but for the rest of the last huge page.
final class WeightArena: Sendable {
    /// Huge pages of x86-64, and of AArch64 with pages of 4 KiB.
    private static let hugePage = 1 << 21
    private static let regionSize = 16 * hugePage

    private struct Region: Sendable {
        /// Address of the mapping and its bytes.
        let start: UInt
        let size: Int
    }

    private struct State: Sendable {
        var regions: [Region] = []
        /// Where the next block goes, and the end of the region that it lies in.
        var next: UInt = 0
        var end: UInt = 0
    }

    private let state = Mutex(State())

    /// Zeroed memory of `bytes` bytes that starts on a cache line and lives as long as the arena; nil if the system has
    /// none.
    func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
        state.withLock { state in
            let size = (UInt(bytes) + 63) / 64 * 64
            if state.end - state.next < size {
                guard let region = Self.map(max(Int(size), Self.regionSize)) else { return nil }
                state.regions.append(region)
                let huge = UInt(Self.hugePage)
                state.next = (region.start + huge - 1) / huge * huge
                state.end = region.start + UInt(region.size)
            }
            defer { state.next += size }
            return UnsafeMutableRawPointer(bitPattern: state.next)
        }
    }

    /// A region with room for `bytes` behind the first huge page's start in it.
    private static func map(_ bytes: Int) -> Region? {
        let size = bytes + hugePage
        guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { return nil }
        // Where the system refuses, pages are small: slower, and as right.
        _ = madvise(start, size, MADV_HUGEPAGE)
        return Region(start: UInt(bitPattern: start), size: size)
    }

    deinit {
        state.withLock { state in
            for region in state.regions {
                if let start = UnsafeMutableRawPointer(bitPattern: region.start) { munmap(start, region.size) }
            }
        }
    }
}
