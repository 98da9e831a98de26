#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A read-only memory mapping of a whole file: the one place in this module that owns mapped memory.
///
/// Pages are read on first use and shared between processes. The mapping lives as long as the value does;
/// views of it (``TensorView``) hold it. As with every mapping, a file that another process truncates while it
/// is open ends this process with SIGBUS: replace model files by renaming a new folder into place.
///
/// Sendable invariant: `base` and `count` never change after `init`, the pages are mapped PROT_READ, and the
/// mapping is released only in `deinit`, when no other reference is left.
public final class MappedFile: @unchecked Sendable {
    /// The path as the caller gave it, for messages.
    public let path: String
    /// The file's length in bytes.
    public let count: Int

    private let base: UnsafeRawPointer?

    /// Maps the file at `path`.
    /// - Throws: ``FileError`` if it cannot be opened, is not a regular file, or cannot be mapped.
    public init(path: String) throws(FileError) {
        self.path = path
        // Of a pipe, open would wait for somebody to write.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError.last(.open, path) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError.last(.read, path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.notARegularFile(path: path) }
        guard let size = Int(exactly: status.st_size), size >= 0 else { throw FileError.tooLarge(path: path) }
        count = size
        guard size > 0 else {
            base = nil
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw FileError.last(.map, path)
        }
        base = UnsafeRawPointer(address)
    }

    deinit {
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    /// Calls `body` with the bytes of `range`; the pointer is valid only inside the call.
    /// - Precondition: `range` lies inside the file.
    public func withUnsafeBytes<R, E: Error>(
        _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the mapped file")
        guard let base else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return try body(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// A copy of the bytes of `range`.
    /// - Precondition: `range` lies inside the file.
    public func bytes(_ range: Range<Int>) -> [UInt8] {
        withUnsafeBytes(range) { [UInt8]($0) }
    }

    /// Tells the system that the range will not be read again soon: its pages are let go.
    public func release(_ range: Range<Int>) {
        guard let base, !range.isEmpty, range.lowerBound >= 0, range.upperBound <= count else { return }
        let page = sysconf(Int32(_SC_PAGESIZE))
        let start = range.lowerBound / page * page
        _ = madvise(UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, Int32(MADV_DONTNEED))
    }
}
