import Glibc

/// A value behind a mutex, and two conditions that threads wait on: a monitor (Hoare 1974).
///
/// POSIX objects and not `Synchronization.Mutex`, which has no condition to wait on: the engine thread sleeps until
/// there is work, and must not be woken through the cooperative pool, whose threads the compute may have displaced.
///
/// `@unchecked Sendable`: `value` is touched only with the mutex held; the POSIX objects are initialised once, never
/// moved (they live in their own allocations) and are made for use from many threads.
final class Monitor<Value: Sendable>: @unchecked Sendable {
    /// Who is waiting.
    enum Condition: Int {
        /// The engine thread, for a batch.
        case work
        /// The deadline thread, for the next deadline.
        case deadlines
    }

    private var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let conditions = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 2)

    init(_ value: Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        // Timed waits must not follow changes of the wall clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        for index in 0..<2 { pthread_cond_init(conditions + index, &attributes) }
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        for index in 0..<2 { pthread_cond_destroy(conditions + index) }
        pthread_mutex_destroy(mutex)
        conditions.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` alone with the value. Keep it short; never call out from it.
    func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Calls `body` with the value until it returns something other than nil, sleeping on the condition in between.
    func wait<Result>(on condition: Condition, _ body: (inout Value) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            pthread_cond_wait(conditions + condition.rawValue, mutex)
        }
    }

    /// As `wait`, but `body` says when it wants to be called again even if nobody signals.
    func wait<Result>(on condition: Condition, until body: (inout Value) -> TimedStep<Result>) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            switch body(&value) {
            case .done(let result): return result
            case .sleep(nil): pthread_cond_wait(conditions + condition.rawValue, mutex)
            case .sleep(let duration?):
                var time = Self.monotonicTime(after: duration)
                pthread_cond_timedwait(conditions + condition.rawValue, mutex, &time)
            }
        }
    }

    /// What a timed wait does next.
    enum TimedStep<Result> {
        case done(Result)
        /// Sleep until signalled, or at most this long.
        case sleep(Duration?)
    }

    /// Wakes who waits on the condition. May be called with or without the lock held.
    func signal(_ condition: Condition) { pthread_cond_broadcast(conditions + condition.rawValue) }

    private static func monotonicTime(after duration: Duration) -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        // A day is as good as for ever, and keeps the sum in range.
        let (seconds, attoseconds) = min(max(duration, .zero), .seconds(86_400)).components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        return timespec(
            tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    }
}
