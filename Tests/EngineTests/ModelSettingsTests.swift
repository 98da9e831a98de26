import Checkpoint
import FileAccess
import TestSupport
import Testing

@testable import Engine

@Suite struct ModelSettingsTests {
    @Test func readsEveryField() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            "intentd.json",
            """
            {"format": 1, "name": "banking77", "version": "3", "layers": 12, "attention": "bidirectional",
             "pooling": "mean", "pool_skips_bos": true, "max_tokens": 128, "calibration": {"temperature": 0.8},
             "abstention": {"min_confidence": 0.4,
                            "out_of_scope": {"method": "cosine", "threshold": 0.5, "tensors": "scope.safetensors"}}}
            """)
        let settings = try ModelSettings(path: path)
        #expect(settings.name == "banking77")
        #expect(settings.version == "3")
        #expect(settings.layers == 12)
        #expect(settings.attention == "bidirectional")
        #expect(settings.pooling == .mean)
        #expect(settings.poolSkipsBOS == true)
        #expect(settings.maxTokens == 128)
        #expect(settings.calibration?.temperature == 0.8)
        #expect(settings.abstention?.minConfidence == 0.4)
        #expect(settings.abstention?.outOfScope?.method == .cosine)
        #expect(settings.abstention?.outOfScope?.tensors == "scope.safetensors")
    }

    @Test(arguments: [
        (#"{"name": "x"}"#, "lacks format"),
        (#"{"format": 2}"#, "format 2 is not known"),
        (#"{"format": 1, "layers": 0}"#, "layers must be positive"),
        (#"{"format": 1, "layers": "all"}"#, "layers has the wrong type"),
        (#"{"format": 1, "max_tokens": 0}"#, "max_tokens"),
        (#"{"format": 1, "max_tokens": 100000}"#, "max_tokens"),
        (#"{"format": 1, "attention": "sideways"}"#, "attention must be"),
        (#"{"format": 1, "pooling": "max"}"#, "pooling is not valid"),
        (#"{"format": 1, "calibration": {"temperature": 0}}"#, "temperature must be a positive number"),
        (#"{"format": 1, "calibration": {}}"#, "calibration lacks temperature"),
        (#"{"format": 1, "abstention": {"min_confidence": 1.5}}"#, "min_confidence must be 0 to 1"),
        (
            #"{"format": 1, "abstention": {"min_confidence": 0, "out_of_scope": {"method": "cosine", "threshold": 1}}}"#,
            "tensors must name a file"
        ),
        (
            #"{"format": 1, "abstention": {"min_confidence": 0, "out_of_scope": {"method": "energy", "threshold": 1, "tensors": "../x"}}}"#,
            "in the same folder"
        ),
        ("{", "the document is not valid"),
    ])
    func refuses(_ text: String, _ reason: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("intentd.json", text)
        let error = #expect(throws: EngineError.self) { try ModelSettings(path: path) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
        #expect(error?.description.hasPrefix(path) == true)
    }

    @Test func aMissingFileIsAnError() throws {
        #expect(throws: EngineError.file(.notFound(path: "/nowhere/intentd.json"))) {
            try ModelSettings(path: "/nowhere/intentd.json")
        }
    }

    @Test func aFileThatIsNoneOrIsTooLargeIsAnError() throws {
        #expect(throws: EngineError.file(.notARegularFile(path: "/dev/zero"))) { try ModelSettings(path: "/dev/zero") }
        let folder = try TemporaryFolder()
        let limit = RegularFile.documentLimit
        let path = try folder.write("intentd.json", String(repeating: " ", count: limit + 1))
        let expected = FileError.overLimit(path: path, bytes: limit + 1, limit: limit)
        #expect(throws: EngineError.file(expected)) { try ModelSettings(path: path) }
    }
}
