import Checkpoint
import FoundationEssentials

/// What each precision costs an adapter's answers: `precision.json` beside it, format 1, written by
/// `intentd evaluate FILE --compare ... --record`. `auto` takes no precision that is not in it.
public struct PrecisionRecord: Sendable, Equatable, Codable {
    /// One precision beside f32 on the same messages.
    public struct Entry: Sendable, Equatable, Codable {
        public var precision: Precision
        /// How the kernels quantised: `ModelDescription.activationLimit`. Levels that share it have the same integers.
        public var activationLimit: Int
        /// Labelled messages.
        public var messages: Int
        /// Accuracy minus that of f32, in points of a hundred.
        public var accuracyDifferencePoints: Double
        /// Share of messages whose best intent is that of f32.
        public var agreement: Double

        public init(
            precision: Precision, activationLimit: Int, messages: Int, accuracyDifferencePoints: Double,
            agreement: Double
        ) {
            self.precision = precision
            self.activationLimit = activationLimit
            self.messages = messages
            self.accuracyDifferencePoints = accuracyDifferencePoints
            self.agreement = agreement
        }

        enum CodingKeys: String, CodingKey {
            case precision, messages, agreement
            case activationLimit = "activation_limit"
            case accuracyDifferencePoints = "accuracy_difference_points"
        }
    }

    private var format = 1
    /// SHA-256 of the `adapter_model.safetensors` that was measured; a record of other weights counts for nothing.
    public var weights: String
    public var entries: [Entry]

    /// `auto` takes no precision that lost more points than this.
    public static let mostPointsLost = 0.1
    /// Fewer messages cannot show such a loss: it is less than one of them.
    public static let fewestMessages = 1000

    private static let fileName = "precision.json"

    /// The record beside the adapter in `folder`; nil if there is none.
    /// - Throws: `EngineError.file` or `EngineError.invalidFile` saying what is wrong with it.
    public init?(adapter folder: String) throws(EngineError) {
        let path = folder + "/" + Self.fileName
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        self = try ModelJSON.decode(PrecisionRecord.self, path: path) { _ in
            "is not a record of precisions; write it with 'intentd evaluate --record'"
        }
        guard format == 1 else {
            throw .invalidFile(path: path, reason: "format \(format) is not known; this intentd reads format 1")
        }
        guard entries.allSatisfy({ $0.accuracyDifferencePoints.isFinite && $0.messages > 0 }) else {
            throw .invalidFile(path: path, reason: "has an entry without messages or without a finite difference")
        }
    }

    /// Measurements of the adapter in `folder` as it is now.
    /// - Throws: `EngineError.invalidFile` if its weights cannot be read.
    public init(adapter folder: String, entries: [Entry]) throws(EngineError) {
        weights = try Self.digest(folder)
        self.entries = entries
    }

    /// Writes the record beside the adapter, over one of other weights. Measurements of the same weights by kernels
    /// that quantise otherwise are kept.
    /// - Throws: `EngineError.invalidFile` if it cannot be written.
    public func write(adapter folder: String) throws(EngineError) {
        var whole = self
        if let earlier = try? PrecisionRecord(adapter: folder), earlier.weights == weights {
            whole.entries += earlier.entries.filter { old in
                !entries.contains { $0.precision == old.precision && $0.activationLimit == old.activationLimit }
            }
        }
        whole.entries.sort { ($0.activationLimit, $0.precision.rawValue) < ($1.activationLimit, $1.precision.rawValue) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let path = folder + "/" + Self.fileName
        do {
            try (encoder.encode(whole) + Data("\n".utf8)).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw .invalidFile(path: path, reason: "cannot be written")
        }
    }

    /// Whether the record is of the weights that the adapter in `folder` has now.
    /// - Throws: `EngineError.invalidFile` if they cannot be read.
    public func isCurrent(adapter folder: String) throws(EngineError) -> Bool { try Self.digest(folder) == weights }

    /// The measurement of a precision with kernels that quantise to `activationLimit`; without one, the finest of those
    /// with coarser integers, which can only have lost more. Nil if there is neither.
    func entry(_ precision: Precision, activationLimit: Int) -> Entry? {
        entries.filter { $0.precision == precision && $0.activationLimit <= activationLimit }
            .max { $0.activationLimit < $1.activationLimit }
    }

    private static func digest(_ folder: String) throws(EngineError) -> String {
        let path = folder + "/adapter_model.safetensors"
        do { return try FileDigest.sha256(path: path) } catch {
            throw .invalidFile(path: path, reason: "cannot be read")
        }
    }
}
