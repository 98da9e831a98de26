import CKernels
import Synchronization

/// Moves a pool's threads off one another's processors.
///
/// A thread that blocks and is woken may be put onto the processor of the one that woke it, where the two share it for
/// many milliseconds while another process has the other processor to itself. Nothing is pinned: a thread that finds
/// itself on a taken processor goes to a free one of those it may use, and the system may move it on from there.
///
/// `@unchecked Sendable`: `places` has one element a thread, which only that thread touches; the rest is atomic.
final class ThreadSpread: @unchecked Sendable {
    /// What a thread remembers of itself between calls.
    private struct Place {
        /// The bit that it has set in `taken`, or 0.
        var bit: UInt64 = 0
        var lastMove: ContinuousClock.Instant
    }

    private let places: UnsafeMutableBufferPointer<Place>
    /// Bit n: a thread of the pool was last seen on processor n. Processors from 64 on are left to the system.
    private let taken = Atomic<UInt64>(0)

    private static let leastTimeBetweenMoves = Duration.milliseconds(2)

    init(threadCount: Int) {
        places = .allocate(capacity: threadCount)
        places.initialize(repeating: Place(lastMove: .now))
    }

    deinit { places.deallocate() }

    /// To be called by thread `thread`, `0..<threadCount`, as it begins a piece of work. A few nanoseconds where it is
    /// where it was.
    func settle(_ thread: Int) {
        let processor = ck_processor()
        guard (0..<64).contains(processor) else { return }
        let bit = UInt64(1) << UInt64(processor)
        var place = places[thread]
        guard bit != place.bit else { return }
        taken.bitwiseAnd(~place.bit, ordering: .relaxed)
        if taken.bitwiseOr(bit, ordering: .relaxed).oldValue & bit == 0 {
            place.bit = bit
        } else {
            // The bit is the other thread's. This one looks again at its next call, if it may not move now.
            place.bit = 0
            let now = ContinuousClock.now
            if now - place.lastMove >= Self.leastTimeBetweenMoves {
                place.lastMove = now
                place.bit = move()
            }
        }
        places[thread] = place
    }

    /// The bit of the processor that the calling thread is on now, or 0 if there is none to go to.
    private func move() -> UInt64 {
        let processor = ck_leave_processors(taken.load(ordering: .relaxed))
        guard processor >= 0 else { return 0 }
        let bit = UInt64(1) << UInt64(processor)
        taken.bitwiseOr(bit, ordering: .relaxed)
        return bit
    }
}
