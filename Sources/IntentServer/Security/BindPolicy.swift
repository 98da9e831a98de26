import Glibc

/// Who can reach an address.
enum BindPolicy {
    /// True if only this machine can reach `host`.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" { return true }
        var v4 = in_addr()
        if inet_pton(AF_INET, host, &v4) == 1 { return UInt32(bigEndian: v4.s_addr) >> 24 == 127 }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, host, &v6) == 1 else { return false }
        return withUnsafeBytes(of: &v6) { bytes in bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 }
    }

    /// - Throws: ``StartError/openToAll(host:)`` for a public address that anyone may use.
    static func check(host: String, isAuthenticated: Bool, allowsAnyone: Bool) throws(StartError) {
        guard isLoopback(host) || isAuthenticated || allowsAnyone else { throw .openToAll(host: host) }
    }
}
