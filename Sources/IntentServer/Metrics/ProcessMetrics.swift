import CoreMetrics
import FoundationEssentials
import Glibc

/// The process' own figures under Prometheus' standard names, read from /proc when asked for.
struct ProcessMetrics: Sendable {
    static let families: [MetricFamily] = [
        .counter("process_cpu_seconds_total", "Processor time spent, user and system."),
        .gauge("process_resident_memory_bytes", "Resident memory."),
        .gauge("process_virtual_memory_bytes", "Virtual memory."),
        .gauge("process_open_fds", "Open file descriptors."),
        .gauge("process_max_fds", "File descriptors that may be open."),
        .gauge("process_threads", "Threads of the process."),
        .gauge("process_start_time_seconds", "Start of the process since the epoch."),
    ]

    private let registry: PrometheusRegistry

    init(registry: PrometheusRegistry) { self.registry = registry }

    /// Has the figures read before each exposition. A figure that cannot be read is left out.
    func install() {
        registry.addCollector { [registry] in
            if let status = Stat.read() {
                (registry.makeFloatingPointCounter(label: "process_cpu_seconds_total", dimensions: [])
                    as? CounterSeries)?.set(total: status.cpuSeconds)
                Self.gauge(registry, "process_resident_memory_bytes", status.residentBytes)
                Self.gauge(registry, "process_virtual_memory_bytes", status.virtualBytes)
                Self.gauge(registry, "process_threads", status.threads)
                if let started = status.startTime { Self.gauge(registry, "process_start_time_seconds", started) }
            }
            if let count = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
                Self.gauge(registry, "process_open_fds", Double(count))
            }
            var limit = rlimit()
            if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
                Self.gauge(registry, "process_max_fds", Double(limit.rlim_cur))
            }
        }
    }

    private static func gauge(_ registry: PrometheusRegistry, _ name: String, _ value: Double) {
        registry.makeMeter(label: name, dimensions: []).set(value)
    }

    /// What proc(5) says in /proc/self/stat.
    struct Stat {
        let cpuSeconds: Double
        let residentBytes: Double
        let virtualBytes: Double
        let threads: Double
        /// Seconds since the epoch; nil if the boot time is not to be read.
        let startTime: Double?

        static func read() -> Stat? {
            guard let data = try? Data(contentsOf: URL(filePath: "/proc/self/stat")) else { return nil }
            let boot = (try? Data(contentsOf: URL(filePath: "/proc/stat"))).flatMap {
                bootTime(String(decoding: $0, as: UTF8.self))
            }
            return parse(
                String(decoding: data, as: UTF8.self), ticks: Double(sysconf(Int32(_SC_CLK_TCK))),
                page: Double(sysconf(Int32(_SC_PAGESIZE))), boot: boot)
        }

        /// Fields are counted behind the command's closing parenthesis, since the command may hold anything.
        static func parse(_ text: String, ticks: Double, page: Double, boot: Double?) -> Stat? {
            guard let close = text.lastIndex(of: ")"), ticks > 0 else { return nil }
            let fields = text[text.index(after: close)...].split(whereSeparator: \.isWhitespace)
            // Field n of proc(5) is fields[n - 3].
            guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
                let threads = Double(fields[17]), let start = Double(fields[19]), let virtual = Double(fields[20]),
                let resident = Double(fields[21])
            else { return nil }
            return Stat(
                cpuSeconds: (user + system) / ticks, residentBytes: resident * page, virtualBytes: virtual,
                threads: threads, startTime: boot.map { $0 + start / ticks })
        }

        /// The `btime` line of /proc/stat.
        static func bootTime(_ text: String) -> Double? {
            text.split(separator: "\n").first { $0.hasPrefix("btime ") }
                .flatMap { Double($0.dropFirst("btime ".count)) }
        }
    }
}
