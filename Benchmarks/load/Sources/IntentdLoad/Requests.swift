import Foundation
import NIOCore

/// Request bodies, made once.
enum Requests {
    /// One for each distinct message.
    static let bodies: [ByteBuffer] = BankingMessages.all.map { body(["text": $0]) }

    private static let indices = Dictionary(
        uniqueKeysWithValues: BankingMessages.all.enumerated().map { ($0.element, $0.offset) })

    /// The distinct message that is sent as the `n`th.
    static func message(_ number: Int) -> Int { indices[BankingMessages.message(number)] ?? 0 }

    /// A body with one message or many.
    static func call(from number: Int, rows: Int) -> ByteBuffer {
        if rows == 1 { return bodies[message(number)] }
        return body(["texts": (number..<number + rows).map { BankingMessages.message($0) }])
    }

    private static func body(_ value: some Encodable) -> ByteBuffer {
        // Strings and arrays of strings always encode.
        ByteBuffer(bytes: (try? JSONEncoder().encode(value)) ?? Data())
    }
}
