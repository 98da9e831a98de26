import Glibc
import TestSupport
import Testing

@testable import Checkpoint

/// What the system's refusals become.
@Suite struct FileErrorTests {
    @Test func filesThatCannotBeMapped() throws {
        #expect(throws: FileError.notFound(path: "/no/such")) { try MappedFile(path: "/no/such") }
        #expect(throws: FileError.notARegularFile(path: "/dev/null")) { try MappedFile(path: "/dev/null") }
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(throws: FileError.notARegularFile(path: pipe)) { try MappedFile(path: pipe) }
        let error = #expect(throws: FileError.self) { try MappedFile(path: "/dev/null/x") }
        guard case .system(.open, "/dev/null/x", ENOTDIR, let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description == "/dev/null/x: cannot open: \(message)")
    }

    @Test func aFileIsNeverWrittenOver() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("there", [1])
        let error = #expect(throws: FileError.self) { _ = try FileWriter(creating: path) }
        guard case .system(.create, path, EEXIST, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [ENOSPC, EDQUOT]) func aFullDiskIsSaid(_ code: Int32) {
        errno = code
        let error = FileError.last(.write, "base/model.safetensors")
        #expect(error == .diskFull(path: "base/model.safetensors"))
        #expect(error.description.contains("free some space"))
    }
}
