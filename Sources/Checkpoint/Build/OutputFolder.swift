internal import FileAccess
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A folder that is filled beside its place and put there in one step when it is complete.
///
/// Until ``publish()`` the place keeps what it had. A folder that an interrupted build left behind is removed by the
/// next one: a running build holds a lock on its folder, which ends with its process.
struct OutputFolder: ~Copyable {
    /// Where the finished folder goes.
    let target: String
    /// Where it is being filled.
    let path: String

    private let parent: String
    private let lock: FolderLock

    /// Removes what interrupted builds left and creates an empty temporary folder beside `target`.
    init(target: String) throws(ModelBuildError) {
        let (place, parent, name) = Self.split(target)
        guard !name.isEmpty, name != ".", name != ".." else {
            throw .file(.system(.create, path: target, code: EINVAL, message: "not a folder name"))
        }
        let prefix = ".\(name)-"
        try wrapping(ModelBuildError.file) { () throws(FileError) in
            try FileSystem.createFolder(parent)
            for stale in FileSystem.names(in: parent) where stale.hasPrefix(prefix) {
                try Self.removeStale(parent + "/" + stale, of: place)
            }
        }
        var template = Array((parent + "/" + prefix + "XXXXXX").utf8CString)
        let created: String? = template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, mkdtemp(base) != nil else { return nil }
            return String(cString: base)
        }
        guard let created else { throw .file(.last(.create, parent)) }
        guard chmod(created, 0o755) == 0, let lock = FolderLock(created) else {
            throw .file(.last(.lock, created))
        }
        self.target = place
        self.parent = parent
        self.path = created
        self.lock = lock
    }

    /// Removes a folder that no build holds. The old one of a build that was killed just as it put the new one in its
    /// place goes back there, so that it is not lost should this build fail.
    private static func removeStale(_ path: String, of target: String) throws(FileError) {
        guard FileSystem.isFolder(path), FolderLock.isFree(path) else { return }
        if path.hasSuffix(oldSuffix), !FileSystem.exists(target) {
            try FileSystem.rename(path, to: target)
        } else {
            try FileSystem.remove(path)
        }
    }

    /// What is appended to the temporary folder's name for the folder that it replaces.
    private static let oldSuffix = ".old"

    /// A path without slashes at its end, the folder that it is in, and its last component.
    private static func split(_ target: String) -> (path: String, parent: String, name: String) {
        var path = Substring(target)
        while path.count > 1, path.last == "/" { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return (String(path), ".", String(path)) }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        return (String(path), parent, String(path[path.index(after: slash)...]))
    }

    /// Puts the finished folder in its place. What was there is moved aside first and removed last.
    consuming func publish() throws(ModelBuildError) {
        do throws(FileError) {
            try FileSystem.synchronize(folder: path)
            let old = path + Self.oldSuffix
            let replaces = FileSystem.exists(target)
            if replaces { try FileSystem.rename(target, to: old) }
            do throws(FileError) {
                try FileSystem.rename(path, to: target)
            } catch {
                if replaces { try FileSystem.rename(old, to: target) }
                throw error
            }
            try FileSystem.synchronize(folder: parent)
            if replaces { try FileSystem.remove(old) }
        } catch {
            try? FileSystem.remove(path)
            throw .file(error)
        }
    }

    /// Removes the folder and what is in it.
    consuming func discard() { try? FileSystem.remove(path) }
}
