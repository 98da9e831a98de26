import Dispatch
import Glibc
import Synchronization

/// A pipe whose reading end a thread empties into memory.
final class CollectPipe: Sendable {
    let writeEnd: Int32
    private let readEnd: Int32
    private let bytes = Mutex<[UInt8]>([])
    private let done = DispatchGroup()

    init() {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0)
        (readEnd, writeEnd) = (ends[0], ends[1])
        DispatchQueue(label: "collect").async(group: done) { [readEnd, self] in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = read(readEnd, &buffer, buffer.count)
                guard count > 0 else { return }
                bytes.withLock { $0.append(contentsOf: buffer[..<count]) }
            }
        }
    }

    /// What has come so far.
    var linesSoFar: [String] {
        String(decoding: bytes.withLock { $0 }, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Closes the writing end and returns every line.
    func lines() -> [String] {
        close(writeEnd)
        done.wait()
        close(readEnd)
        return linesSoFar
    }
}
