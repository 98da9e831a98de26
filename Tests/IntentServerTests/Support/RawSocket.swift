import Foundation
import Glibc

/// A plain TCP connection to loopback that sends exactly the bytes it is told to.
///
/// Reading blocks a thread of its own: one of a shared pool would starve the server under test.
final class RawSocket: @unchecked Sendable {
    // The descriptor never changes, and the system serialises calls on it; one test reads at a time.
    private let descriptor: Int32

    /// Whether the last `read` ended because the server closed the connection.
    private(set) var isClosed = false

    struct Failure: Error { let code: Int32 }

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(code: errno) }
        var timeout = timeval(tv_sec: Self.patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var start = 0
        while start < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + start, bytes.count - start, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw Failure(code: errno) }
            start += sent
        }
    }

    /// Closes the sending side.
    func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Seconds for the next bytes to come: only a test that fails waits so long.
    private static let patience = 30

    /// Everything until the server closes, or it is silent too long.
    func readAll() async -> String { await read { _ in false } }

    /// Everything until `isDone`, the server's close, or too long a silence.
    func read(until isDone: @escaping @Sendable (String) -> Bool) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                var received: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65_536)
                while true {
                    let count = recv(descriptor, &chunk, chunk.count, 0)
                    guard count > 0 else {
                        // Closed in order, or reset; else it was silent too long.
                        isClosed = count == 0 || errno == ECONNRESET
                        break
                    }
                    received += chunk.prefix(count)
                    if isDone(String(decoding: received, as: UTF8.self)) { break }
                }
                continuation.resume(returning: String(decoding: received, as: UTF8.self))
            }
        }
    }
}
