import Glibc

/// How many files the process may have open; each connection is one.
struct DescriptorLimit: Equatable {
    /// Nil if there is no limit.
    let files: Int?

    /// Files kept for what is no connection: the listening socket, polling, the log, and a model or certificate that
    /// is being read.
    private static let reserved = 64

    /// Raises the limit to what the system allows the process, and returns it.
    static func raised() -> DescriptorLimit {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return DescriptorLimit(files: nil) }
        if limit.rlim_cur < limit.rlim_max {
            var highest = limit
            highest.rlim_cur = limit.rlim_max
            if setrlimit(resource, &highest) == 0 { limit = highest }
        }
        return DescriptorLimit(files: Int(exactly: limit.rlim_cur))
    }

    /// The connections that there are files for, of those wanted; never none.
    func connections(wanted: Int) -> Int {
        guard let files else { return wanted }
        return max(1, min(wanted, max(files - Self.reserved, files / 2)))
    }
}
