import Batching
import Dispatch
import Engine
import Foundation
import Synchronization
import Testing
@testable import IntentCLI

@Suite(.serialized) struct ScoringPipelineTests {
    private func pipeline(
        input: Int32, output: Int32, format: RecordFormat = .auto, chunkTokens: Int = 100, topK: Int = 1
    ) -> ScoringPipeline {
        ScoringPipeline(
            tokenize: FakeModel.tokenize, answers: AnswerFormat(labels: FakeModel.labels, topK: topK, threshold: 0.5),
            format: format, fields: .init(text: "text", id: "id"), chunkTokens: chunkTokens, input: input,
            output: output)
    }

    private struct Answer: Decodable, Equatable {
        var id: Int?
        var intent: String?
        var abstained: Bool?
        var confidence: Float?
        var tokens: Int?
        var truncated: Bool?
        var line: Int?
        var error: String?
    }

    private func answers(_ lines: [String]) throws -> [Answer] {
        try lines.map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
    }

    private func run(_ text: String, chunkTokens: Int = 100) throws -> ([Answer], ScoringOutcome) {
        let feed = FeedPipe(text), collected = CollectPipe()
        let outcome = pipeline(input: feed.readEnd, output: collected.writeEnd, chunkTokens: chunkTokens)
            .run(classify: FakeModel.classify)
        return (try answers(collected.lines()), outcome)
    }

    // MARK: Order and completeness

    @Test func answersEveryLineInOrder() throws {
        var generator = SeededGenerator(seed: 3)
        var texts: [String] = [], expected: [Answer] = []
        for line in 1...5000 {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0:
                texts.append("")
                expected.append(Answer(line: line, error: "the line is empty"))
            case 1:
                texts.append("untokenisable \(line)")
                expected.append(Answer(line: line, error: "the message has no tokens"))
            case 2:
                texts.append("! refused by the model")
                expected.append(Answer(line: line, error: EngineError.notFinite.description))
            case 3:
                texts.append("?\(line)")
                expected.append(
                    Answer(
                        id: line, abstained: true, confidence: 0.85, tokens: texts[line - 1].utf8.count,
                        truncated: false))
            default:
                let text = "\(line) " + String(repeating: "x", count: Int.random(in: 0..<90, using: &generator))
                texts.append(text)
                let label = FakeModel.labels[Int(text.utf8.first!) % FakeModel.labels.count]
                expected.append(
                    Answer(
                        id: line, intent: label, confidence: 0.85, tokens: min(64, text.utf8.count),
                        truncated: text.utf8.count > 64))
            }
        }
        let (found, outcome) = try run(texts.joined(separator: "\n") + "\n")
        #expect(found == expected)
        #expect(outcome.counts.lines == 5000)
        #expect(outcome.counts.failures == expected.count { $0.error != nil })
        #expect(outcome.inputFailure == nil && outcome.outputFailure == nil && outcome.signal == nil)
    }

    @Test func theEngineGetsFullChunks() throws {
        let sizes = Mutex<[Int]>([])
        let feed = FeedPipe(), collected = CollectPipe()
        // Input that is all there, here in the pipe, never makes the engine run on half a chunk, but for the last.
        feed.write((0..<1000).map { "message \($0)" }.joined(separator: "\n"))
        feed.closeWriting()
        _ = pipeline(input: feed.readEnd, output: collected.writeEnd, chunkTokens: 200).run { messages in
            sizes.withLock { $0.append(messages.reduce(0) { $0 + $1.ids.count }) }
            return FakeModel.classify(messages)
        }
        #expect(collected.lines().count == 1000)
        let found = sizes.withLock { $0 }
        #expect(found.allSatisfy { $0 <= 200 })
        #expect(found.dropLast().allSatisfy { $0 > 200 - 12 })
    }

    @Test func oneMessageLongerThanAChunkGoesAlone() throws {
        let (found, _) = try run(String(repeating: "y", count: 60) + "\na\nb\n", chunkTokens: 10)
        #expect(found.map(\.tokens) == [60, 1, 1])
    }

    @Test func emptyInputGivesNothing() throws {
        let (found, outcome) = try run("")
        #expect(found.isEmpty)
        #expect(outcome.counts == .init())
    }

    @Test func failuresAloneAreAnswered() throws {
        let (found, outcome) = try run(String(repeating: "\n", count: 3000))
        #expect(found.count == 3000)
        #expect(found.last?.line == 3000)
        #expect(outcome.counts.failures == 3000)
    }

    // MARK: Live input

    @Test func answersWhatIsThereWithoutWaitingForMore() throws {
        let feed = FeedPipe(), collected = CollectPipe()
        let done = DispatchGroup()
        let pipeline = pipeline(input: feed.readEnd, output: collected.writeEnd)
        DispatchQueue(label: "run").async(group: done) { _ = pipeline.run(classify: FakeModel.classify) }
        for count in 1...3 {
            feed.write("message \(count)\n")
            #expect(eventually { collected.linesSoFar.count == count }, "line \(count) waits for more input")
        }
        feed.closeWriting()
        done.wait()
        #expect(collected.lines().count == 3)
    }

    @Test func answersWhatIsThereBeforeHalfALongLine() throws {
        let feed = FeedPipe(), collected = CollectPipe()
        let done = DispatchGroup()
        let pipeline = pipeline(input: feed.readEnd, output: collected.writeEnd)
        DispatchQueue(label: "run").async(group: done) { _ = pipeline.run(classify: FakeModel.classify) }
        feed.write("message\n" + String(repeating: "x", count: 200_000))
        #expect(eventually { collected.linesSoFar.count == 1 }, "the first line waits for the end of the second")
        feed.closeWriting()
        done.wait()
        #expect(collected.lines().count == 2)
    }

    @Test func readsNoFurtherAheadThanItsQueues() throws {
        let feed = FeedPipe(), collected = CollectPipe()
        let written = Atomic<Int>(0)
        let done = DispatchGroup()
        let pipeline = pipeline(input: feed.readEnd, output: collected.writeEnd, chunkTokens: 100)
        let stuck = DispatchSemaphore(value: 0)
        DispatchQueue(label: "run").async(group: done) {
            _ = pipeline.run { messages in
                stuck.wait()
                stuck.signal()
                return FakeModel.classify(messages)
            }
        }
        let line = String(repeating: "z", count: 99) + "\n"
        DispatchQueue(label: "feed").async(group: done) {
            for _ in 0..<20_000 {
                feed.write(line)
                written.add(1, ordering: .relaxed)
            }
            feed.closeWriting()
        }
        // The engine is stuck: the feeder comes to rest once pipe, buffers and queues are full.
        var last = -1
        #expect(eventually {
            defer { last = written.load(ordering: .relaxed) }
            return last > 0 && written.load(ordering: .relaxed) == last
        })
        // 64 KiB in the pipe, two buffers of 64 KiB, ten chunks of one message: about 2,000 lines of 100 bytes.
        #expect(written.load(ordering: .relaxed) < 5000)
        stuck.signal()
        done.wait()
        #expect(collected.lines().count == 20_000)
    }

    // MARK: Endings

    @Test func aReaderThatGoesAwayEndsTheRun() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let feed = FeedPipe()
        let done = DispatchGroup()
        DispatchQueue(label: "feed").async(group: done) {
            for _ in 0..<100_000 { feed.write("message\n") }
            feed.closeWriting()
        }
        DispatchQueue(label: "reader").async { [end = ends[0]] in
            var buffer = [UInt8](repeating: 0, count: 1000)
            _ = read(end, &buffer, buffer.count)
            close(end)
        }
        let outcome = pipeline(input: feed.readEnd, output: ends[1]).run(classify: FakeModel.classify)
        close(ends[1])
        #expect(outcome.outputFailure == .closed)
        feed.drain()
        done.wait()
    }

    @Test func aFullDiskIsReported() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        defer { close(full) }
        let feed = FeedPipe("a\nb\n")
        let outcome = pipeline(input: feed.readEnd, output: full).run(classify: FakeModel.classify)
        #expect(outcome.outputFailure == .write(errno: ENOSPC))
    }

    @Test func aStopEndsTheRunWithWholeLines() throws {
        let feed = FeedPipe(), collected = CollectPipe()
        let stop = StopRequest()
        let classified = Atomic<Int>(0)
        feed.write((0..<500).map { "message \($0)\n" }.joined())
        let outcome = pipeline(input: feed.readEnd, output: collected.writeEnd, chunkTokens: 20).run(stop: stop) {
            // The input is still open: without the stop this would wait for ever.
            if classified.add(1, ordering: .relaxed).newValue == 3 { stop.request(signal: SIGINT) }
            return FakeModel.classify($0)
        }
        feed.closeWriting()
        #expect(outcome.signal == SIGINT)
        let found = try answers(collected.lines())
        #expect(found.map(\.id) == (1..<found.count + 1).map { $0 })
        #expect(!found.isEmpty && found.count < 500)
    }

    @Test func aStopBeforeTheRunEndsItAtOnce() {
        let feed = FeedPipe(), collected = CollectPipe()
        let stop = StopRequest()
        stop.request(signal: SIGTERM)
        let outcome = pipeline(input: feed.readEnd, output: collected.writeEnd)
            .run(stop: stop, classify: FakeModel.classify)
        feed.closeWriting()
        #expect(outcome.signal == SIGTERM)
        #expect(collected.lines().isEmpty)
    }

    @Test func damagedInputIsReportedBehindWhatWasRead() throws {
        let feed = FeedPipe(Array(try Fixtures.data("records/truncated.gz")))
        let collected = CollectPipe()
        let outcome = pipeline(input: feed.readEnd, output: collected.writeEnd).run(classify: FakeModel.classify)
        #expect(outcome.inputFailure == InputError.truncatedGzip.description)
        #expect(collected.lines().count == outcome.counts.lines)
    }

    // MARK: Support

    /// Whether `condition` becomes true within half a minute.
    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<600 {
            if condition() { return true }
            Thread.sleep(forTimeInterval: 0.05)
        }
        return condition()
    }
}
