@testable import Checkpoint

/// Changes the bytes of a GGUF file for tests of files that are wrong in one way.
struct GGUFPatch {
    var bytes: [UInt8]

    init(_ path: String) throws {
        let file = try MappedFile(path: path)
        bytes = file.bytes(0..<file.count)
    }

    /// Replaces the first occurrence of a text by another of the same length.
    mutating func replace(_ text: String, _ other: String) {
        precondition(text.utf8.count == other.utf8.count)
        guard let place = find(Array(text.utf8)) else { preconditionFailure("\(text) is not there") }
        bytes.replaceSubrange(place..<place + text.utf8.count, with: other.utf8)
    }

    /// Sets a 32-bit metadata value.
    mutating func set(_ key: String, _ value: UInt32) {
        set(behind: key, at: 4, value)
    }

    /// Sets an element of a metadata array of 32-bit values: its type, its elements' type and its count come first.
    mutating func set(_ key: String, element: Int, _ value: UInt32) {
        set(behind: key, at: 4 + 4 + 8 + 4 * element, value)
    }

    private mutating func set(behind key: String, at offset: Int, _ value: UInt32) {
        guard let place = find(Array(key.utf8)) else { preconditionFailure("\(key) is not there") }
        let start = place + key.utf8.count + offset
        for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt32(index * 8)) }
    }

    /// Adds a string to the metadata, and another that keeps the data aligned.
    mutating func add(_ key: String, _ value: String) {
        var field = Self.field(key, value)
        let filler = (64 - (field.count + Self.field("x", "").count) % 32) % 32
        field += Self.field("x", String(repeating: "x", count: filler))
        bytes.insert(contentsOf: field, at: 24)
        bytes[16] += 2
    }

    private static func field(_ key: String, _ value: String) -> [UInt8] {
        text(key) + [8, 0, 0, 0] + text(value)
    }

    private static func text(_ value: String) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value.utf8.count >> ($0 * 8)) } + Array(value.utf8)
    }

    private func find(_ pattern: [UInt8]) -> Int? {
        (0..<bytes.count - pattern.count).first { start in
            pattern.indices.allSatisfy { bytes[start + $0] == pattern[$0] }
        }
    }
}
