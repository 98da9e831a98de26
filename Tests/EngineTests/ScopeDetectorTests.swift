import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Engine

@Suite struct ScopeDetectorTests {
    private typealias Tensors = [(name: String, shape: [Int], values: [Float])]

    private func detector(
        _ method: ModelSettings.OutOfScope.Method, _ folder: TemporaryFolder, hiddenSize: Int = 2
    ) throws -> ScopeDetector {
        let settings = ModelSettings.OutOfScope(method: method, threshold: 0, tensors: "scope.safetensors")
        return try ScopeDetector(settings, folder: folder.path, hiddenSize: hiddenSize)
    }

    private func score(
        _ method: ModelSettings.OutOfScope.Method, _ tensors: Tensors, _ feature: [Float], logits: [Float] = []
    ) throws -> Float {
        let folder = try TemporaryFolder()
        try folder.write("scope.safetensors", SafetensorsBytes.make(tensors))
        let detector = try detector(method, folder)
        return feature.withUnsafeBufferPointer { detector.score(feature: $0, logits: logits) }
    }

    @Test func energyIsTheLogarithmOfTheSumOfExponentials() throws {
        #expect(abs(try score(.energy, [], [1, 1], logits: [0, 0]) - Float(log(2.0))) < 1e-6)
        #expect(try score(.energy, [], [1, 1], logits: [300, -300]) == 300)
    }

    /// Means need not have length 1.
    @Test func cosineIsThatOfTheNearestMean() throws {
        let means: Tensors = [("means", [2, 2], [3, 4, 0, -9])]
        #expect(abs(try score(.cosine, means, [6, 8]) - 1) < 1e-6)
        #expect(abs(try score(.cosine, means, [5, 0]) - 0.6) < 1e-6)
        #expect(abs(try score(.cosine, means + [("center", [2], [1, 8])], [1, 7]) - 1) < 1e-6)
        #expect(try score(.cosine, means, [0, 0]) == -1)
    }

    @Test func mahalanobisIsTheNearestDistanceOfTheProjection() throws {
        let tensors: Tensors = [("projection", [2, 2], [2, 0, 0, 1]), ("means", [2, 2], [0, 0, 3, 1])]
        #expect(try score(.mahalanobis, tensors, [1, 1]) == -1)
    }

    @Test(arguments: [
        ([("other", [2, 2], [1, 0, 0, 1])], "tensor means is missing"),
        ([("means", [2, 3], [1, 0, 0, 1, 0, 0])], "tensor means has shape [2, 3]"),
        ([("means", [2, 2], [1, 0, 0, .nan])], "bad values"),
        ([("means", [2, 2], [1, 0, 0, 1]), ("center", [3], [0, 0, 0])], "tensor center"),
    ] as [([(String, [Int], [Float])], String)])
    func refuses(_ tensors: [(String, [Int], [Float])], _ reason: String) throws {
        let error = #expect(throws: EngineError.self) {
            try score(.cosine, tensors.map { (name: $0.0, shape: $0.1, values: $0.2) }, [1, 0])
        }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "no error")")
    }

    @Test func aFileOverTheLimitIsRefused() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("scope.safetensors", SafetensorsBytes.make([("means", [1, 2], [1, 0])]))
        // A hole: nothing is written.
        try #require(truncate(path, 1 << 40) == 0)
        let error = #expect(throws: EngineError.self) { try detector(.cosine, folder) }
        #expect(error?.description.contains("the limit is") == true, "\(error?.description ?? "no error")")
    }

    /// What `cp` does while a server loads the model again: of a mapped file, the pages behind its new end would end
    /// the process.
    @Test func aFileMayBeWrittenOverWhileItIsRead() throws {
        let folder = try TemporaryFolder()
        let values = [Float](repeating: 1, count: 1 << 18)
        let bytes = SafetensorsBytes.make([("means", [1 << 8, 1 << 10], values)])
        let path = try folder.write("scope.safetensors", bytes)
        final class Writer: Sendable { let isDone = Atomic<Bool>(false), hasEnded = Atomic<Bool>(false) }
        let writer = Writer()
        Thread.detachNewThread {
            while !writer.isDone.load(ordering: .relaxed) {
                try? Data(bytes).write(to: URL(filePath: path))
                usleep(500)
                truncate(path, 0)
            }
            writer.hasEnded.store(true, ordering: .releasing)
        }
        for _ in 0..<200 { _ = try? detector(.cosine, folder, hiddenSize: 1 << 10) }
        writer.isDone.store(true, ordering: .relaxed)
        while !writer.hasEnded.load(ordering: .acquiring) { usleep(100) }
    }
}
