import Glibc
import TestSupport
import Testing

@testable import FileAccess

/// What is read as a file, and what is refused.
@Suite struct RegularFileTests {
    @Test func readsAFileWhole() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("file", [1, 2, 3])
        #expect(try RegularFile.contents(path, limit: 3) == [1, 2, 3])
        #expect(try RegularFile.prefix(path, limit: 2) == [1, 2])
        #expect(try RegularFile.prefix(path, limit: 9) == [1, 2, 3])
        try #require(symlink("file", folder.path + "/link") == 0)
        #expect(try RegularFile.contents(folder.path + "/link", limit: 3) == [1, 2, 3])
        #expect(try RegularFile.contents(try folder.write("empty", ""), limit: 3) == [])
    }

    @Test func aFileBeyondTheLimitIsNotRead() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("file", [1, 2, 3])
        #expect(throws: FileError.overLimit(path: path, bytes: 3, limit: 2)) {
            try RegularFile.contents(path, limit: 2)
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsNoFile() throws {
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, folder.path, "/dev/zero"] {
            #expect(throws: FileError.notARegularFile(path: path)) { try RegularFile.contents(path, limit: 10) }
        }
        #expect(throws: FileError.notFound(path: "/no/such")) { try RegularFile.contents("/no/such", limit: 10) }
        let error = #expect(throws: FileError.self) { try RegularFile.contents("/dev/null/x", limit: 10) }
        guard case .system(.open, "/dev/null/x", ENOTDIR, let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!message.isEmpty && error?.description == "/dev/null/x: cannot open: \(message)")
    }

    /// Such files say that they are empty.
    @Test func aFileOfTheSystemsIsRead() throws {
        #expect(try !RegularFile.prefix("/proc/self/status", limit: 1 << 20).isEmpty)
    }

    @Test(arguments: [ENOSPC, EDQUOT]) func aFullDiskIsSaid(_ code: Int32) {
        errno = code
        let error = FileError.last(.write, "base/model.safetensors")
        #expect(error == .diskFull(path: "base/model.safetensors"))
        #expect(error.description.contains("free some space"))
    }
}
