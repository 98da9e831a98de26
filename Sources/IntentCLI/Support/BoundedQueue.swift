import Glibc

/// A first-in first-out queue between two threads that blocks the faster one.
///
/// `@unchecked Sendable`: every access to the mutable state holds `mutex`; the POSIX objects live in their own
/// allocations and never move.
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private var elements: [Element] = []
    private var finished = false
    private var cancelled = false

    /// - Parameter capacity: elements that it holds at most; small, since taking one moves the rest.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    /// Adds an element, waiting for room.
    /// - Returns: false if the queue was cancelled; the element is dropped then.
    func push(_ element: Element) -> Bool {
        locked {
            while elements.count >= capacity, !cancelled { pthread_cond_wait(changed, mutex) }
            if cancelled { return false }
            elements.append(element)
            return true
        }
    }

    /// Takes the oldest element, waiting for one; nil when the queue was finished and is empty, or was cancelled.
    func pop() -> Element? {
        locked {
            while elements.isEmpty, !finished, !cancelled { pthread_cond_wait(changed, mutex) }
            return cancelled || elements.isEmpty ? nil : elements.removeFirst()
        }
    }

    /// Takes the oldest element if there is one now.
    func popIfPresent() -> Element? {
        locked { cancelled || elements.isEmpty ? nil : elements.removeFirst() }
    }

    /// No more elements come; those inside can still be taken.
    func finish() { locked { finished = true } }

    /// Both sides give up: elements inside are dropped.
    func cancel() {
        locked {
            cancelled = true
            elements.removeAll()
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return body()
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }
}
