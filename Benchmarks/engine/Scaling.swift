import Engine

/// What tokens cost: batches of messages of 16 tokens, and one message that grows.
struct Scaling: Encodable {
    /// Tokens, and the median of the seconds that a call took.
    struct Point: Encodable {
        var tokens: Int
        var seconds: Double
    }

    var precision: String
    var kernels: String
    var batches: [Point]
    var messages: [Point]

    private static let repeats = 7
    private static let messageTokens = 16

    init(measuring engine: IntentEngine) throws {
        precision = engine.description.precision.rawValue
        kernels = engine.description.kernels
        let sizes = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096]
        batches = try sizes.map { size in
            let whole = [Int](repeating: Self.messageTokens, count: size / Self.messageTokens)
            let rest = size % Self.messageTokens
            return try Self.measure(engine, whole + (rest > 0 ? [rest] : []))
        }
        messages = try [2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 320, 384, 448, 512].map { try Self.measure(engine, [$0]) }
    }

    private static func measure(_ engine: IntentEngine, _ lengths: [Int]) throws -> Point {
        // Any ids will do: the time depends on their number alone.
        let batch = lengths.map { length in TokenizedMessage(ids: (0..<length).map { Int32(1_000 + $0) }) }
        let times = try (0..<repeats + 1).map { _ in
            let start = ContinuousClock.now
            for result in engine.classify(batch) { _ = try result.get() }
            return start.duration(to: .now).seconds
        }
        return Point(tokens: lengths.reduce(0, +), seconds: times.dropFirst().sorted()[repeats / 2])
    }
}
