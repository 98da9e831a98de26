import Testing

@testable import Checkpoint

/// Files that are wrong, each in one way (Tests/Fixtures/hostile, made by Tests/oracle/checkpoint_hostile.py): each is
/// refused with the error that says so.
@Suite struct HostileFileTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var reader: String
        var path: String
        var error: String
        var testDescription: String { path }
    }

    static let cases: [Case] = {
        let document = (try? Fixtures.json("hostile/cases.json"))?.array ?? []
        return document.compactMap { entry in
            guard let fields = entry.object, let reader = fields["reader"]?.string, let path = fields["path"]?.string,
                let error = fields["error"]?.string
            else { return nil }
            return Case(reader: reader, path: path, error: error)
        }
    }()

    @Test(arguments: cases) func isRefused(_ hostile: Case) throws {
        let path = Fixtures.path("hostile/" + hostile.path)
        do {
            try Self.open(hostile.reader, path)
            Issue.record("\(hostile.path) was accepted")
        } catch {
            #expect(caseName(error) == hostile.error, "\(error)")
            // Messages name what is wrong and hold nothing that a terminal would act on.
            let text = "\(error)"
            #expect(!text.isEmpty && !text.utf8.contains { $0 < 0x20 }, "\(hostile.path)")
        }
    }

    @Test func everyErrorOfTheFormatsHasACase() {
        let expected: [String: Set<String>] = [
            "safetensors": [
                "tooShort", "headerTooLarge", "headerTruncated", "headerNotJSON", "headerNotObject",
                "metadataNotStrings", "duplicateTensor", "malformedEntry", "unknownType", "shapeOverflow",
                "offsetsReversed", "outOfRange", "sizeMismatch", "overlap", "hole", "trailingBytes",
            ],
            "index": ["file", "indexMalformed", "indexUnsafeName", "indexMissingTensor", "indexExtraTensor"],
            "fourbit": [
                "eightBit", "missing", "wrongType", "stateNotJSON", "stateInvalid", "unsupportedKind",
                "unsupportedFormat", "blockSize", "shape", "codeBytes", "count", "codebook", "scaleNotFinite",
            ],
            "gguf": [
                "notGGUF", "bigEndian", "unsupportedVersion", "truncated", "tooManyFields", "tooManyTensors",
                "stringTooLong", "invalidString", "invalidBool", "arrayTooLong", "arrayTooDeep", "unknownValueType",
                "duplicateKey", "invalidAlignment", "duplicateTensor", "unknownTensorType", "invalidShape",
                "shapeOverflow", "partialBlock", "misaligned", "outOfRange", "overlap",
            ],
            "adapter": [
                "configuration", "pickledWeights", "weights", "missing", "invalid", "unsupportedMethod",
                "unsupportedFeature", "unsupportedInitialisation", "unsupportedPattern", "unrecognisedTensor",
                "duplicateTensor", "wrongShape", "unpaired", "rankMismatch", "notFinite", "embeddingAdapter",
                "moduleNotInBase", "doesNotFit", "empty", "notSaved",
            ],
        ]
        for (reader, errors) in expected {
            let covered = Set(Self.cases.filter { $0.reader == reader }.map(\.error))
            #expect(covered == errors, "\(reader)")
        }
    }

    static func open(_ reader: String, _ path: String) throws {
        switch reader {
        case "safetensors": _ = try SafetensorsFile(path: path)
        case "index": _ = try TensorCollection(folder: path, indexName: "index.json")
        case "fourbit":
            let tensors = TensorCollection(try SafetensorsFile(path: path))
            _ = try QuantizedMatrix("w.weight", in: tensors)
        case "gguf": _ = try GGUFFile(path: path)
        case "adapter":
            let adapter = try Adapter(path: path)
            try adapter.check(against: try CheckpointFolder(path: Fixtures.path("checkpoint/peft/base")))
        default: Issue.record("no reader \(reader)")
        }
    }
}
