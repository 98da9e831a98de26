import Crypto
import FileAccess
import TestSupport
import Testing

@testable import Checkpoint

/// Building base models: the bytes against Python libraries' (Tests/oracle), and everything that can go wrong.
@Suite struct BaseModelBuilderTests {
    private static let gguf = Fixtures.path("gguf/gemma3.gguf")

    private static func bytes(of path: String) throws -> [UInt8] {
        let file = try MappedFile(path: path)
        return file.bytes(0..<file.count)
    }

    private static func sha256(_ bytes: [UInt8]) -> String { SHA256.hash(data: bytes).hexadecimal }

    /// The tiny Gemma in three chunks with their pins, as models/fetch.sh leaves them.
    private struct Download {
        let folder: TemporaryFolder
        var pins: JSONValue.Object
        let chunks: [[UInt8]]

        var output: String { folder.path + "/base" }

        init() throws {
            folder = try TemporaryFolder()
            let whole = try bytes(of: gguf)
            let cuts = [0, 50_000, 100_001, whole.count]
            chunks = (0..<3).map { Array(whole[cuts[$0]..<cuts[$0 + 1]]) }
            pins = JSONValue.Object()
            pins["file"] = Self.pin("tiny.gguf", whole)
            var packages: [JSONValue] = []
            for (index, chunk) in chunks.enumerated() {
                try folder.write("tiny.gguf.part0\(index)", chunk)
                packages.append(Self.package("tiny-part\(index)", ["tiny.gguf.part0\(index)": chunk]))
            }
            pins["chunks"] = .array(packages)
            let terms = Array("the terms".utf8)
            try folder.write("TERMS.html", terms)
            pins["notices"] = Self.package("tiny-terms", ["TERMS.html": terms])
            pins["terms"] = .string("https://example.com/terms")
        }

        static func pin(_ name: String, _ content: [UInt8]) -> JSONValue {
            var file = JSONValue.Object()
            file["name"] = .string(name)
            file["bytes"] = .integer(content.count)
            file["sha256"] = .string(sha256(content))
            return .object(file)
        }

        static func package(_ name: String, _ files: [String: [UInt8]]) -> JSONValue {
            var package = JSONValue.Object()
            package["package"] = .string(name)
            package["files"] = .array(files.map { pin($0.key, $0.value) })
            return .object(package)
        }

        func readPins() throws -> ModelPins {
            try ModelPins(path: try folder.write("pins.json", Array(JSONValue.object(pins).text(.indented).utf8)))
        }

        @discardableResult
        func build(progress: @escaping (BuildProgress) -> Void = { _ in }) throws -> BaseModelBuilder.Result {
            try BaseModelBuilder(.pinned(try readPins(), downloads: folder.path), output: output)
                .build(progress: progress)
        }

        /// Names that a build could have left beside its output.
        var leftovers: [String] { folder.names.filter { $0.hasPrefix(".") } }
    }

    @Test func buildsTheBytesThatPythonLibrariesGive() throws {
        let download = try Download()
        let result = try download.build()
        for name in ["config.json", "model.safetensors", "tokenizer.model"] {
            let expected = try Self.bytes(of: Fixtures.path("gguf/gemma3-base/" + name))
            #expect(try Self.bytes(of: download.output + "/" + name) == expected, "\(name)")
        }
        #expect(result.quantizedLayers == 14)
        #expect(try Self.bytes(of: download.output + "/TERMS.html") == Array("the terms".utf8))
        #expect(download.leftovers.isEmpty)
        #expect(FileSystem.names(in: download.output) == [
            "SHA256SUMS", "TERMS.html", "config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json",
        ])
    }

    @Test func theSumsAreThoseOfTheFiles() throws {
        let download = try Download()
        let result = try download.build()
        let lines = String(decoding: try Self.bytes(of: download.output + "/SHA256SUMS"), as: UTF8.self)
            .split(separator: "\n")
        #expect(lines.count == result.files.count && lines.count == 5)
        for (line, file) in zip(lines, result.files) {
            let sum = Self.sha256(try Self.bytes(of: download.output + "/" + file.name))
            #expect(line == "\(sum)  \(file.name)" && sum == file.sha256)
        }
    }

    @Test func buildingAgainGivesTheSameBytes() throws {
        let first = try Download()
        let second = try Download()
        let result = try first.build()
        #expect(try first.build() == result)
        #expect(try second.build() == result)
        #expect(first.leftovers.isEmpty)
    }

    @Test func progressRisesToItsTotalInEveryStep() throws {
        let download = try Download()
        var steps: [BuildProgress.Step: BuildProgress] = [:]
        var order: [BuildProgress.Step] = []
        try download.build { progress in
            if let last = steps[progress.step] {
                #expect(progress.done >= last.done)
            } else {
                order.append(progress.step)
            }
            steps[progress.step] = progress
        }
        #expect(order == [.verify, .scales, .write])
        for (_, last) in steps { #expect(last.done == last.total && last.total > 0) }
    }

    @Test func aMissingChunkIsNamedWithItsPackage() throws {
        let download = try Download()
        let path = download.folder.path + "/tiny.gguf.part01"
        try FileSystem.remove(path)
        #expect(throws: ModelBuildError.missingDownload(path: path, package: "tiny-part1")) { try download.build() }
        #expect(!FileSystem.exists(download.output) && download.leftovers.isEmpty)
    }

    @Test func aShortChunkIsNamed() throws {
        let download = try Download()
        let path = try download.folder.write("tiny.gguf.part01", Array(download.chunks[1].dropLast()))
        #expect(throws: ModelBuildError.wrongSize(path: path, expected: 50_001, found: 50_000)) { try download.build() }
    }

    /// Found after most of the work is done: what was in place stays, and nothing is left beside it.
    @Test func aChangedChunkLeavesTheOldFolderInPlace() throws {
        let download = try Download()
        let before = try download.build()
        var changed = download.chunks[2]
        changed[changed.count - 1] ^= 1
        let path = try download.folder.write("tiny.gguf.part02", changed)
        let error = ModelBuildError.wrongHash(
            path: path, expected: Self.sha256(download.chunks[2]), found: Self.sha256(changed))
        #expect(throws: error) { try download.build() }
        #expect(download.leftovers.isEmpty)
        #expect(Self.sha256(try Self.bytes(of: download.output + "/model.safetensors"))
            == before.files.first { $0.name == "model.safetensors" }?.sha256)
    }

    @Test func pinsThatDisagreeAboutTheWholeAreNamed() throws {
        var download = try Download()
        let wrong = String(repeating: "0", count: 64)
        var file = try #require(download.pins["file"]?.object)
        file["sha256"] = .string(wrong)
        download.pins["file"] = .object(file)
        let found = Self.sha256(try Self.bytes(of: Self.gguf))
        #expect(throws: ModelBuildError.assembledHash(name: "tiny.gguf", expected: wrong, found: found)) {
            try download.build()
        }
    }

    @Test func aChangedNoticeIsNamed() throws {
        let download = try Download()
        let path = try download.folder.write("TERMS.html", Array("THE terms".utf8))
        let expected = Self.sha256(Array("the terms".utf8))
        let found = Self.sha256(Array("THE terms".utf8))
        let error = ModelBuildError.wrongHash(path: path, expected: expected, found: found)
        #expect(throws: error) { try download.build() }
    }

    /// What a build that was killed leaves behind is removed by the next; that of a running one is not.
    @Test func leftoversOfInterruptedBuildsAreRemoved() throws {
        let download = try Download()
        let stale = download.folder.path + "/.base-aaaaaa"
        let running = download.folder.path + "/.base-bbbbbb"
        for folder in [stale, stale + ".old", running] { try FileSystem.createFolder(folder + "/inner") }
        let lock = FolderLock(running)
        try #require(!FolderLock.isFree(running))
        try download.build()
        #expect(download.leftovers == [".base-bbbbbb"])
        withExtendedLifetimeOf(lock)
        #expect(FileSystem.exists(download.output + "/config.json"))
    }

    /// A build that is killed between its two renames leaves the old folder beside its place.
    @Test func aFolderThatWasBeingReplacedIsPutBack() throws {
        let download = try Download()
        try download.build()
        try FileSystem.rename(download.output, to: download.folder.path + "/.base-aaaaaa.old")
        try FileSystem.remove(download.folder.path + "/tiny.gguf.part01")
        try download.folder.write("tiny.gguf.part01", download.chunks[1].map { $0 ^ 1 })
        #expect(throws: ModelBuildError.self) { try download.build() }
        #expect(FileSystem.exists(download.output + "/model.safetensors") && download.leftovers.isEmpty)
    }

    private func withExtendedLifetimeOf(_ lock: consuming FolderLock?) { _ = consume lock }

    @Test func anUnquantisedFolderBecomesWhatTransformersMakesOfIt() throws {
        let folder = try TemporaryFolder()
        let output = folder.path + "/nf4/"
        let result = try BaseModelBuilder(.path(Fixtures.path("checkpoint/plain")), output: output).build()
        #expect(result.quantizedLayers == 14)
        #expect(
            try Self.bytes(of: output + "model.safetensors")
                == Self.bytes(of: Fixtures.path("checkpoint/nf4/model.safetensors")))
        let ours = try CheckpointFolder(path: output)
        let theirs = try CheckpointFolder(path: Fixtures.path("checkpoint/nf4"))
        #expect(ours.configuration == theirs.configuration)
    }

    @Test(arguments: ["nf4", "sharded"]) func aFolderInFourBitsIsCopied(_ name: String) throws {
        let folder = try TemporaryFolder()
        let source = Fixtures.path("checkpoint/" + name)
        try BaseModelBuilder(.path(source), output: folder.path + "/copy").build()
        let copied = FileSystem.names(in: folder.path + "/copy").filter { $0 != "SHA256SUMS" }
        #expect(copied == FileSystem.names(in: source))
        for file in copied {
            #expect(try Self.bytes(of: folder.path + "/copy/" + file) == Self.bytes(of: source + "/" + file))
        }
    }

    @Test func aFolderThatOnlySaysItIsInFourBitsIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.copy(Fixtures.path("checkpoint/plain"), to: "model")
        let path = folder.path + "/model"
        try FileSystem.remove(path + "/config.json")
        try folder.copy(Fixtures.path("checkpoint/nf4/config.json"), to: "model/config.json")
        #expect(throws: ModelBuildError.notQuantized(path: path)) {
            try BaseModelBuilder(.path(path), output: folder.path + "/base").build()
        }
        #expect(folder.names == ["model"])
    }

    /// What was written is opened before it takes its place; here another process spoils it in between.
    @Test func aResultThatDoesNotReadBackNeverTakesItsPlace() throws {
        let download = try Download()
        let error = #expect(throws: ModelBuildError.self) {
            try download.build { progress in
                guard progress.step == .write, let name = download.leftovers.first else { return }
                _ = try? download.folder.write(name + "/config.json", Array("{".utf8))
            }
        }
        guard case .selfCheck(.configuration) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!FileSystem.exists(download.output) && download.leftovers.isEmpty)
    }

    @Test func aGGUFFileAloneIsASource() throws {
        let folder = try TemporaryFolder()
        try BaseModelBuilder(.path(Self.gguf), output: folder.path + "/base").build()
        #expect(try Self.bytes(of: folder.path + "/base/model.safetensors")
            == Self.bytes(of: Fixtures.path("gguf/gemma3-base/model.safetensors")))
    }

    @Test func aSourceIsNeverItsOwnOutput() throws {
        let folder = try TemporaryFolder()
        try folder.copy(Fixtures.path("checkpoint/nf4"), to: "model")
        let path = folder.path + "/model"
        #expect(throws: ModelBuildError.sourceIsOutput(path: path + "/.")) {
            try BaseModelBuilder(.path(path + "/."), output: path).build()
        }
        #expect(FileSystem.exists(path + "/config.json"))
    }

    @Test func aSourceThatIsNotThereIsSaid() throws {
        let folder = try TemporaryFolder()
        #expect(throws: ModelBuildError.gguf(.file(.notFound(path: "/no/such")))) {
            try BaseModelBuilder(.path("/no/such"), output: folder.path + "/x").build()
        }
        #expect(folder.names.isEmpty)
    }

    @Test func anOutputWithoutANameIsRefused() throws {
        for output in ["/", "..", "."] {
            #expect(throws: ModelBuildError.self) {
                try BaseModelBuilder(.path(Self.gguf), output: output).build()
            }
        }
    }
}
