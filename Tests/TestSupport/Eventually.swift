/// Waits until something holds that other threads or tasks bring about; gives up after half a minute.
package func eventually(_ condition: @Sendable () -> Bool) async -> Bool {
    for _ in 0..<30_000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return condition()
}
