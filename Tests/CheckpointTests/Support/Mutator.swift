/// Makes inputs for fuzzing: one to four small changes of an example.
struct Mutator {
    private var random: SplitMix

    private static let numbers: [UInt64] = [
        0, 1, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 65535, 65536, 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) - 1,
        1 << 40, 1 << 61, 1 << 62, (1 << 63) - 1, 1 << 63, .max - 31, .max,
    ]

    private static let words = [
        "-1", "0", "9223372036854775807", "9223372036854775808", "1e400", "NaN", "null", "[]", "{}", "\"\"", "true",
        "[[[[[[[[", "\\u0000", "\"F32\"", "\"F16\"", "\"I8\"", ",", ":", "\"", "4611686018427387904",
    ]

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    mutating func mutate(_ example: [UInt8]) -> [UInt8] {
        var bytes = example
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes) }
        return bytes
    }

    /// Changes that keep every byte in its place.
    mutating func overwrite(_ example: [UInt8]) -> [UInt8] {
        var bytes = example
        for _ in 0..<Int.random(in: 1...4, using: &random) { put(&bytes) }
        return bytes
    }

    /// Changes the header of a safetensors file and, mostly, makes its length right again, so that more than the length
    /// is tested.
    mutating func mutateSafetensors(_ example: [UInt8]) -> [UInt8] {
        guard example.count > 8, Bool.random(using: &random) || Bool.random(using: &random) else {
            return mutate(example)
        }
        let length = (0..<4).reduce(0) { $0 | Int(example[$1]) << ($1 * 8) }
        guard 8 + length <= example.count else { return mutate(example) }
        let header = mutate(Array(example[8..<8 + length]))
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) }
        return prefix + header + example[(8 + length)...]
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes.removeSubrange(place...)
        case 1:
            let end = min(bytes.count, place + Int.random(in: 1...16, using: &random))
            bytes.removeSubrange(place..<end)
        case 2:
            let from = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, from + Int.random(in: 1...64, using: &random))
            bytes.insert(contentsOf: Array(bytes[from..<end]), at: place)
        case 3:
            let word = Self.words[Int.random(in: 0..<Self.words.count, using: &random)]
            bytes.insert(contentsOf: word.utf8, at: place)
        case 4: digit(&bytes)
        default: put(&bytes)
        }
    }

    /// Overwrites a byte, flips a bit, or writes a number that is often a limit.
    private mutating func put(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default:
            let number = Self.numbers[Int.random(in: 0..<Self.numbers.count, using: &random)]
            let width = [1, 2, 4, 8][Int.random(in: 0..<4, using: &random)]
            for index in 0..<min(width, bytes.count - place) {
                bytes[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(index * 8))
            }
        }
    }

    /// Changes a decimal digit, in text the likeliest way to a wrong number that still is one.
    private mutating func digit(_ bytes: inout [UInt8]) {
        let places = bytes.indices.prefix(1 << 16).filter { (48...57).contains(bytes[$0]) }
        guard let place = places.randomElement(using: &random) else { return put(&bytes) }
        bytes[place] = UInt8.random(in: 48...57, using: &random)
    }
}
