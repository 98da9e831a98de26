import Glibc
import Testing

@testable import IntentServer

struct DescriptorLimitTests {
    @Test(arguments: [(nil, 4096, 4096), (1024, 4096, 960), (65_536, 4096, 4096), (64, 4096, 32), (1, 10, 1)])
    func connectionsLeaveFilesForTheRest(files: Int?, wanted: Int, taken: Int) {
        #expect(DescriptorLimit(files: files).connections(wanted: wanted) == taken)
    }

    @Test func theLimitIsRaisedToTheHighest() {
        let limit = DescriptorLimit.raised()
        var found = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &found)
        #expect(found.rlim_cur == found.rlim_max)
        #expect(limit.files == Int(exactly: found.rlim_cur))
    }
}
