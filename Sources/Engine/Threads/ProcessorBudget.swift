import FileAccess
import Glibc

/// How many compute threads this process may usefully run.
public enum ProcessorBudget {
    /// Processors in this process's affinity mask, capped by its cgroup's CPU quota (v2, then v1), at least 1.
    ///
    /// A container limited to 1.5 CPUs gets 1 thread: a second one would be throttled for half of each
    /// period and hold the first up at every join.
    public static func available() -> Int {
        let allowed = affinityCount(status: readSmallFile("/proc/self/status"))
            ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        guard let quota = cgroupQuota(readingFile: readSmallFile) else { return allowed }
        return max(1, min(allowed, Int(quota)))
    }

    /// Processors in the affinity mask. Source: proc(5), `Cpus_allowed`: 32-bit groups in hexadecimal.
    static func affinityCount(status: String?) -> Int? {
        guard let line = status?.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") }) else { return nil }
        let count = line.dropFirst("Cpus_allowed:".count).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
        return count > 0 ? count : nil
    }

    /// CPUs granted by the cgroup's quota, or nil when there is none.
    /// Sources: Linux Documentation/admin-guide/cgroup-v2 (`cpu.max`), scheduler/sched-bwc (v1).
    static func cgroupQuota(readingFile read: (String) -> String?) -> Double? {
        var tightest: Double?
        func note(_ quota: Double?) {
            guard let quota, quota > 0 else { return }
            tightest = min(tightest ?? quota, quota)
        }
        for folder in cgroupFolders(selfFile: read("/proc/self/cgroup")) {
            if let text = read("/sys/fs/cgroup\(folder)/cpu.max") {
                let fields = text.split(whereSeparator: \.isWhitespace)
                if fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), period > 0 {
                    note(quota / period)
                }
            }
        }
        if let quota = read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap(Self.number),
            let period = read("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap(Self.number), period > 0 {
            note(quota / period)
        }
        return tightest
    }

    /// The v2 cgroup of this process and its ancestors, as paths below the mount ("" is the root): a limit on
    /// any of them binds.
    static func cgroupFolders(selfFile: String?) -> [String] {
        guard let line = selfFile?.split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else { return [""] }
        var folders = [""]
        var path = ""
        for part in line.dropFirst(3).split(separator: "/") where part != ".." {
            path += "/" + part
            folders.append(path)
        }
        return folders
    }

    private static func number(_ text: String) -> Double? {
        text.split(whereSeparator: \.isWhitespace).first.flatMap { Double($0) }
    }

    /// A file of /proc or /sys, which may come in pieces: `status` is longer than a page for a process of many groups.
    static func readSmallFile(_ path: String) -> String? {
        (try? RegularFile.prefix(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }
}
