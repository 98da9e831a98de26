import Glibc

/// One line on standard error that shows how far long work is; silent when standard error is no terminal.
struct ProgressLine {
    private let enabled: Bool
    private var lastShown: ContinuousClock.Instant?
    private let started = ContinuousClock.now
    private var width = 0

    init() { enabled = isatty(STDERR_FILENO) == 1 }

    /// Seconds since the line was made.
    var seconds: Double {
        let parts = started.duration(to: .now).components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }

    /// Shows `text()` in place of what was shown, at most ten times a second.
    mutating func show(_ text: () -> String) {
        guard enabled else { return }
        let now = ContinuousClock.now
        if let lastShown, lastShown.duration(to: now) < .milliseconds(100) { return }
        lastShown = now
        draw(text())
    }

    /// Replaces the line by a last word and ends it.
    mutating func finish(_ text: String) {
        guard enabled else { return }
        draw(text)
        write("\n")
    }

    private mutating func draw(_ text: String) {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        width = text.count
        write("\r" + text + padding)
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
