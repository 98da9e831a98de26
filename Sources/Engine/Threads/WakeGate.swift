import Glibc

/// A mutex and a condition: threads block until a predicate over atomics holds.
///
/// `@unchecked Sendable`: the two POSIX objects are initialised once, never moved (they live in their own
/// allocation) and are made for use from many threads.
final class WakeGate: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    /// Blocks until `ready` is true. `ready` must become true before a call of `wakeAll`.
    func wait(until ready: () -> Bool) {
        pthread_mutex_lock(mutex)
        while !ready() { pthread_cond_wait(condition, mutex) }
        pthread_mutex_unlock(mutex)
    }

    /// Wakes every waiting thread to look at its predicate again. Taking the mutex orders the caller's
    /// store before any waiter's next look, so no wake-up is lost.
    func wakeAll() {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }
}
