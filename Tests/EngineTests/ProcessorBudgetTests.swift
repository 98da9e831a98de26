import TestSupport
import Testing

@testable import Engine

@Suite struct ProcessorBudgetTests {
    @Test func countsTheAffinityMask() {
        #expect(ProcessorBudget.affinityCount(status: "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n") == 8)
        #expect(ProcessorBudget.affinityCount(status: "Cpus_allowed:\t00000001,80000000\n") == 2)
        #expect(ProcessorBudget.affinityCount(status: "Cpus_allowed:\t0\n") == nil)
        #expect(ProcessorBudget.affinityCount(status: "Name:\tx\n") == nil)
        #expect(ProcessorBudget.affinityCount(status: nil) == nil)
    }

    @Test func readsTheQuotaOfCgroup2AndItsAncestors() {
        let files = [
            "/proc/self/cgroup": "0::/pod/container\n",
            "/sys/fs/cgroup/cpu.max": "max 100000\n",
            "/sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
            "/sys/fs/cgroup/pod/container/cpu.max": "400000 100000\n",
        ]
        #expect(ProcessorBudget.cgroupQuota { files[$0] } == 1.5)
    }

    @Test func readsTheQuotaOfCgroup1() {
        let files = [
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        ]
        #expect(ProcessorBudget.cgroupQuota { files[$0] } == 0.5)
    }

    @Test(arguments: ["max 100000", "-1 100000", "", "x y", "100000 0", "100000"])
    func noQuota(_ text: String) {
        #expect(ProcessorBudget.cgroupQuota { $0 == "/sys/fs/cgroup/cpu.max" ? text : nil } == nil)
    }

    /// Of a process of many groups.
    @Test func readsALongStatus() throws {
        let folder = try TemporaryFolder()
        let groups = (0..<65_536).map { "\($0)" }.joined(separator: " ")
        let path = try folder.write("status", "Groups:\t\(groups)\nCpus_allowed:\tff\n")
        #expect(ProcessorBudget.affinityCount(status: ProcessorBudget.readSmallFile(path)) == 8)
    }

    @Test func isAtLeastOne() {
        #expect(ProcessorBudget.available() >= 1)
    }
}
