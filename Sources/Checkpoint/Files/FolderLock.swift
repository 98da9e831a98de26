#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// An exclusive lock on a folder, held until the value goes or the process ends, however it ends.
struct FolderLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock, or returns nil if another process holds it or the folder cannot be opened.
    init?(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            _ = close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { _ = close(descriptor) }

    /// Whether no process holds the lock at this moment.
    static func isFree(_ folder: String) -> Bool {
        guard let lock = FolderLock(folder) else { return false }
        _ = consume lock
        return true
    }
}
