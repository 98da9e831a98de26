public import FileAccess
#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A whole file as read-only memory, a mapping of it or a copy: the one place in this module that owns mapped memory.
///
/// A mapping's pages are read on first use and shared between processes. The memory lives as long as the value does;
/// views of it (``TensorView``) hold it. As with every mapping, a file that another process truncates while it is
/// mapped ends this process with SIGBUS: replace the base model by renaming a new folder into place. Files that are
/// replaced while a server runs (the adapter's) are read to a copy instead.
///
/// Sendable invariant: `base` and `count` never change after `init`, the pages are PROT_READ by then, and they are
/// released only in `deinit`, when no other reference is left.
public final class MappedFile: @unchecked Sendable {
    /// The path as the caller gave it, for messages.
    public let path: String
    /// The file's length in bytes.
    public let count: Int

    private let base: UnsafeRawPointer?
    /// Bytes to give back; more than ``count`` if the file became shorter while it was copied.
    private let mapped: Int
    private let isCopy: Bool

    /// Maps the file at `path`.
    /// - Throws: ``FileError`` if it cannot be opened, is not a regular file, or cannot be mapped.
    public init(path: String) throws(FileError) {
        self.path = path
        isCopy = false
        (base, count) = try RegularFile.withDescriptor(path) { descriptor, size throws(FileError) in
            guard size > 0 else { return (nil, 0) }
            guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
                throw FileError.last(.map, path)
            }
            return (UnsafeRawPointer(address), size)
        }
        mapped = count
    }

    /// Reads the file at `path` to memory of its own, so that it may be written over at once.
    /// - Parameter limit: largest file accepted, in bytes.
    /// - Throws: ``FileError`` if it cannot be opened, is not a regular file, or is larger than the limit.
    init(copying path: String, limit: Int) throws(FileError) {
        self.path = path
        isCopy = true
        (base, count, mapped) = try RegularFile.withDescriptor(path, limit: limit) { descriptor, size throws(FileError) in
            try Self.copy(size, path) { buffer throws(FileError) in
                try RegularFile.fill(buffer, descriptor, path)
            }
        }
    }

    /// A part of another file in memory of its own.
    init(copying range: Range<Int>, of file: MappedFile) throws(FileError) {
        path = file.path
        isCopy = true
        (base, count, mapped) = try Self.copy(range.count, path) { buffer throws(FileError) in
            file.withUnsafeBytes(range) { buffer.copyMemory(from: $0) }
            return range.count
        }
    }

    /// Memory that `fill` has written to and nobody writes to any more, how much of it was filled, and its size.
    private static func copy(
        _ size: Int, _ path: String, _ fill: (UnsafeMutableRawBufferPointer) throws(FileError) -> Int
    ) throws(FileError) -> (UnsafeRawPointer?, Int, Int) {
        guard size > 0 else { return (nil, 0, 0) }
        guard let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
            address != MAP_FAILED
        else { throw FileError.last(.map, path) }
        do throws(FileError) {
            let filled = try fill(UnsafeMutableRawBufferPointer(start: address, count: size))
            guard mprotect(address, size, PROT_READ) == 0 else { throw FileError.last(.map, path) }
            return (UnsafeRawPointer(address), filled, size)
        } catch {
            munmap(address, size)
            throw error
        }
    }

    deinit {
        if let base { munmap(UnsafeMutableRawPointer(mutating: base), mapped) }
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

    /// Tells the system that the range will not be read again soon: its pages are let go. A copy keeps them.
    public func release(_ range: Range<Int>) {
        guard !isCopy, let base, !range.isEmpty, range.lowerBound >= 0, range.upperBound <= count else { return }
        let page = sysconf(Int32(_SC_PAGESIZE))
        let start = range.lowerBound / page * page
        _ = madvise(UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, Int32(MADV_DONTNEED))
    }
}
