/// Waits until something holds that other tasks bring about; gives up after half a minute.
func eventually(_ condition: @Sendable () -> Bool) async -> Bool {
    for _ in 0..<6000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return condition()
}
