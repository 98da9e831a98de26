import Glibc

/// An operating-system thread of its own, which ends when its body returns.
enum WorkerThread {
    /// - Parameter name: shown by debuggers and `top -H`; Linux keeps 15 bytes.
    /// - Returns: false if the system has no thread to give.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        let context = Unmanaged.passRetained(ThreadContext(name: name, body: body))
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            let context = Unmanaged<ThreadContext>.fromOpaque(argument).takeRetainedValue()
            nameThisThread(context.name)
            context.body()
            return nil
        }, context.toOpaque())
        guard status == 0 else {
            context.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}

/// Names the calling thread; a failure changes nothing but the name. Source: proc(5), `/proc/thread-self/comm`.
private func nameThisThread(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    _ = name.withCString { write(file, $0, min(strlen($0), 15)) }
    close(file)
}

/// Carries name and body into the thread.
private final class ThreadContext {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
