import Batching
import Glibc

/// One line on standard error that shows how far long work is; silent when standard error is no terminal.
struct ProgressLine {
    private let enabled: Bool
    private var lastShown: ContinuousClock.Instant?
    private let started = ContinuousClock.now
    private var width = 0

    /// - Parameter besideOutput: data is written meanwhile: silent too when that goes to a terminal.
    init(besideOutput: Bool = false) {
        enabled = isatty(STDERR_FILENO) == 1 && !(besideOutput && isatty(STDOUT_FILENO) == 1)
    }

    /// Seconds since the line was made.
    var seconds: Double { started.duration(to: .now).inSeconds }

    /// Shows `text()` in place of what was shown, at most ten times a second.
    mutating func show(_ text: () -> String) {
        guard enabled else { return }
        let now = ContinuousClock.now
        if let lastShown, lastShown.duration(to: now) < .milliseconds(100) { return }
        lastShown = now
        draw(text())
    }

    /// Shows a bar for `done` of `total`, with the time that is left at the rate so far.
    mutating func show(_ label: String, _ done: Int, of total: Int) {
        let seconds = seconds
        show {
            let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
            let filled = Int(share * 30)
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
            let left = share > 0 ? ", \(Int((seconds / share - seconds).rounded(.up))) s left" : ""
            return "\(label) [\(bar)] \(done)/\(total)\(left)"
        }
    }

    /// Replaces the line by a last word and ends it.
    mutating func finish(_ text: String) {
        guard enabled else { return }
        draw(text)
        write("\n")
        width = 0
    }

    /// Takes the line away, if one was shown.
    mutating func clear() {
        guard enabled, width > 0 else { return }
        draw("")
        write("\r")
        width = 0
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
