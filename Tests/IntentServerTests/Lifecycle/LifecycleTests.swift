import Foundation
import HummingbirdTesting
import Logging
import ServiceLifecycle
import TestSupport
import Testing
import UnixSignals

@testable import IntentServer

/// Signals, watching files, and a drain over real connections.
struct LifecycleTests {
    private func handling(_ readiness: Readiness, _ delay: Duration, _ requests: ReplacementRequests) -> SignalHandling {
        SignalHandling(
            readiness: readiness, drainDelay: delay, replacements: requests,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func ready() -> Readiness {
        let readiness = Readiness()
        readiness.becomeReady(StubClassifier())
        return readiness
    }

    @Test func firstSignalDrainsThenStops() async throws {
        let readiness = ready()
        let (signals, send) = AsyncStream.makeStream(of: UnixSignal.self)
        let (stops, stop) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
        let handling = handling(readiness, .milliseconds(200), ReplacementRequests())
        let task = Task { try await handling.run(signals) { stop.yield(.now) } }
        let sent = ContinuousClock.now
        send.yield(.sigterm)
        for await stopped in stops {
            #expect(sent.duration(to: stopped) >= .milliseconds(200))
            #expect(readiness.isDraining)
            break
        }
        task.cancel()
    }

    @Test func secondSignalSkipsTheDelayAndTheThirdEnds() async throws {
        let (signals, send) = AsyncStream.makeStream(of: UnixSignal.self)
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        let handling = handling(ready(), .seconds(3600), ReplacementRequests())
        let task = Task { try await handling.run(signals) { stop.yield() } }
        send.yield(.sigterm)
        send.yield(.sigint)
        for await _ in stops { break }
        send.yield(.sigterm)
        await #expect(throws: SignalHandling.Interrupted.self) { try await task.value }
    }

    @Test func noDelayBeforeTheModelIsThere() async throws {
        let (signals, send) = AsyncStream.makeStream(of: UnixSignal.self)
        let (stops, stop) = AsyncStream.makeStream(of: Void.self)
        let handling = handling(Readiness(), .seconds(3600), ReplacementRequests())
        let task = Task { try await handling.run(signals) { stop.yield() } }
        send.yield(.sigterm)
        for await _ in stops { break }
        task.cancel()
    }

    @Test func hangupAsksForTheAdapterAgain() async throws {
        let requests = ReplacementRequests()
        let (signals, send) = AsyncStream.makeStream(of: UnixSignal.self)
        send.yield(.sighup)
        send.finish()
        try await handling(ready(), .seconds(1), requests).run(signals) {}
        for await reason in requests.stream {
            #expect(reason == "SIGHUP")
            break
        }
    }

    @Test func watcherReportsAChangeOnceItRests() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("a", "")
        let (changes, change) = AsyncStream.makeStream(of: Bool.self)
        var watcher = FileWatcher(paths: { [folder.path] }) {
            change.yield(FileManager.default.fileExists(atPath: file))
        }
        watcher.interval = .milliseconds(30)
        let group = ServiceGroup(
            services: [watcher], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { try await group.run() }
        // Again and again: what is written before the watcher's first look is no change. It rests in between.
        let writing = Task {
            for size in 1... {
                try folder.write("a", String(repeating: "x", count: size))
                try await Task.sleep(for: .milliseconds(500))
            }
        }
        for await _ in changes { break }
        writing.cancel()
        _ = await writing.result
        try FileManager.default.removeItem(atPath: file)
        for await isThere in changes where !isThere { break }
        await group.triggerGracefulShutdown()
        try await task.value
    }

    /// A stop under load: everything that was admitted is answered, and the server ends by itself.
    @Test func stopUnderLoadLosesNothing() async throws {
        let stub = StubClassifier { _ in try? await Task.sleep(for: .milliseconds(150)) }
        let service = TestService(stub)
        let sent = 32
        let reading = try await service.live { client in
            let port = try #require(client.port)
            let sockets = try (0..<sent).map { _ in try RawSocket(port: port) }
            let body = #"{"text":"my card"}"#
            for socket in sockets {
                try socket.send(
                    "POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            }
            #expect(await eventually { stub.calls.count == sent })
            service.readiness.beginDraining()
            return Task {
                await withTaskGroup(of: String.self) { group in
                    for socket in sockets { group.addTask { await socket.readAll() } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
            // Leaving here stops the server while all of them are being computed.
        }
        let answers = await reading.value
        #expect(answers.count == sent)
        #expect(answers.allSatisfy { $0.contains("HTTP/1.1 200") && $0.contains("card_arrival") })
    }

    @Test(arguments: ["/readyz", "/livez"])
    func probe(path: String) async throws {
        try await TestService().live { client in
            try await HealthProbe(host: "127.0.0.1", port: try #require(client.port), path: path).run()
        }
        let service = TestService()
        service.readiness.beginDraining()
        try await service.live { client in
            let probe = HealthProbe(host: "0.0.0.0", port: try #require(client.port), path: path)
            if path == "/livez" { try await probe.run() } else {
                await #expect(throws: HealthProbe.Failure.status(503)) { try await probe.run() }
            }
        }
        await #expect(throws: HealthProbe.Failure.self) {
            try await HealthProbe(host: "127.0.0.1", port: 1, path: path).run()
        }
    }
}
