import FileAccess
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
    }

    /// Sizes around what is read at once; the hashes are sha256sum's of as many zero bytes.
    @Test(arguments: [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (262_143, "5e44317a2003e8c8ce0726c637bf61c8f4c861c01c276b3d70d0d866e72fa288"),
        (262_144, "8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90"),
        (262_145, "b27a032984ea8a6bec700c3d6f63f8fcfbf8ff8ef87e972891feda4eea4aad0c"),
    ]) func hashesFilesOfAnyLength(_ size: Int, _ hash: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("zeros", [UInt8](repeating: 0, count: size))
        #expect(try FileDigest.sha256(path: path) == hash)
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
}
