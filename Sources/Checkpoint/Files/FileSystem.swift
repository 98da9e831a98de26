internal import FileAccess
internal import FoundationEssentials
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// What this module asks of the file system.
enum FileSystem {
    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    /// Whether two paths lead to the same file or folder; false if one of them does not exist.
    static func isSame(_ path: String, _ other: String) -> Bool {
        var (left, right) = (stat(), stat())
        return stat(path, &left) == 0 && stat(other, &right) == 0 && left.st_dev == right.st_dev
            && left.st_ino == right.st_ino
    }

    /// The names in a folder, sorted; none if it cannot be read.
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Creates a folder and those above it; one that is there already is fine.
    static func createFolder(_ path: String) throws(FileError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw FileError.last(.create, path)
        }
    }

    /// Removes a file, or a folder with all that is in it; nothing if there is none.
    static func remove(_ path: String) throws(FileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        do { try FileManager.default.removeItem(atPath: path) } catch { throw FileError.last(.remove, path) }
    }

    static func rename(_ path: String, to target: String) throws(FileError) {
        #if canImport(Darwin)
        let status = Darwin.rename(path, target)
        #elseif canImport(Musl)
        let status = Musl.rename(path, target)
        #else
        let status = Glibc.rename(path, target)
        #endif
        guard status == 0 else { throw FileError.last(.rename, target) }
    }

    /// Waits until the names in a folder are on the disk, so that a rename outlives a power cut.
    static func synchronize(folder: String) throws(FileError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.last(.open, folder) }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError.last(.write, folder) }
    }
}
