import NIOCore

/// Reads the answers of one connection: status, length and body, and nothing else of HTTP. The client shares its cores
/// with the service, so what it does for each answer is taken from what is measured.
struct AnswerReader {
    private var input = ByteBuffer()

    /// An answer, as far as the load test looks at it.
    struct Answer {
        let status: Int
        /// The sum of the durations of `Server-Timing`, milliseconds; nil without the header.
        let engine: Double?
        let body: ByteBuffer
    }

    /// The answer is none that this client understands.
    struct Malformed: Error {}

    mutating func add(_ bytes: inout ByteBuffer) {
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
    }

    /// The next whole answer; nil if more has to come. Informational ones are skipped.
    /// - Throws: ``Malformed`` for an answer without `Content-Length`, or that is no HTTP/1.1.
    mutating func next() throws -> Answer? {
        while let answer = try read() { if answer.status >= 200 { return answer } }
        return nil
    }

    private mutating func read() throws -> Answer? {
        let head = try input.withUnsafeReadableBytes { try Head($0) }
        guard let head, input.readableBytes >= head.bytes + head.length else { return nil }
        input.moveReaderIndex(forwardBy: head.bytes)
        guard let body = input.readSlice(length: head.length) else { return nil }
        return Answer(status: head.status, engine: head.engine, body: body)
    }

    /// What stands before the body.
    private struct Head {
        let bytes: Int
        var status = 0
        var length = 0
        var engine: Double?

        /// Nil if its end is not there yet.
        init?(_ input: UnsafeRawBufferPointer) throws {
            var (start, index) = (0, 0)
            var isComplete = false
            var hasLength = false
            while index < input.count {
                defer { index += 1 }
                guard input[index] == UInt8(ascii: "\n") else { continue }
                let end = index > start && input[index - 1] == UInt8(ascii: "\r") ? index - 1 : index
                let line = UnsafeRawBufferPointer(rebasing: input[start..<end])
                if start == 0 {
                    guard line.count >= 12, line.starts(with: "HTTP/1.1 ".utf8) else { throw Malformed() }
                    status = Self.number(line[9..<12]) ?? 0
                } else if line.isEmpty {
                    isComplete = true
                    break
                } else if let value = Self.value(line, of: "content-length: ") {
                    guard let number = Self.number(value) else { throw Malformed() }
                    (length, hasLength) = (number, true)
                } else if let value = Self.value(line, of: "server-timing: ") {
                    engine = Self.milliseconds(String(decoding: value, as: UTF8.self))
                }
                start = index + 1
            }
            guard isComplete else { return nil }
            guard hasLength || status < 200 else { throw Malformed() }
            bytes = index
        }

        private static func value(
            _ line: UnsafeRawBufferPointer, of name: StaticString
        ) -> Slice<UnsafeRawBufferPointer>? {
            let known = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            // Bit 5 makes ASCII letters small; the name's other characters have it anyway.
            guard line.count > known.count, zip(line, known).allSatisfy({ $0 | 0x20 == $1 }) else { return nil }
            return line[known.count...]
        }

        private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
            var number = 0
            for digit in digits {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit), number < 1 << 40 else { return nil }
                number = number * 10 + Int(digit - UInt8(ascii: "0"))
            }
            return digits.isEmpty ? nil : number
        }

        private static func milliseconds(_ header: String) -> Double {
            header.split(separator: ",").reduce(0) { sum, metric in
                sum + (metric.split(separator: "=").last.flatMap { Double($0) } ?? 0)
            }
        }
    }
}
