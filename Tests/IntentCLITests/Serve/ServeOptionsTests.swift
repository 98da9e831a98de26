import ArgumentParser
import Engine
import Foundation
import IntentServer
import TestSupport
import Testing

@testable import IntentCLI

/// Flags over environment over configuration file, and what each may hold.
struct ServeOptionsTests {
    private func configuration(
        _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) throws -> ServerConfiguration {
        let folder = try TemporaryFolder()
        var arguments = arguments
        if let file { arguments += ["--config", try folder.write("settings", file)] }
        return try ServeOptions.parse(arguments).configuration(ModelOptions.parse([]), environment: environment)
    }

    private func message(
        _ arguments: [String] = [], environment: [String: String] = [:], file: String? = nil
    ) -> String {
        do {
            _ = try configuration(arguments, environment: environment, file: file)
            return ""
        } catch { return "\((error as? ValidationError)?.message ?? String(describing: error))" }
    }

    @Test func defaults() throws {
        let found = try configuration()
        #expect(found.host == "127.0.0.1" && found.port == 8080)
        #expect(found.latencyBound == .milliseconds(50) && found.drainDelay == .seconds(5))
        #expect(found.model.model == "models" && found.tls == nil && found.tokensFile == nil)
        #expect(found.limits == ServerLimits())
    }

    @Test func flagWinsOverEnvironmentOverFile() throws {
        for file in [#"{"port": 1, "host": "a", "drain-delay": 1.5}"#, "# ours\nINTENTD_PORT=1\nINTENTD_HOST = a\nINTENTD_DRAIN_DELAY=1.5"] {
            let found = try configuration(
                ["--port", "3"], environment: ["INTENTD_PORT": "2", "INTENTD_HOST": "b"], file: file)
            #expect(found.port == 3 && found.host == "b" && found.drainDelay == .milliseconds(1500))
        }
    }

    @Test func modelOptionsComeFromTheFileToo() throws {
        let found = try configuration(file: #"{"model": "elsewhere", "threads": 3, "precision": "f32"}"#)
        #expect(found.model.model == "elsewhere" && found.model.threads == 3 && found.model.precision == .f32)
    }

    @Test func switchesAndEmptySettings() throws {
        #expect(try configuration(environment: ["INTENTD_ALLOW_UNAUTHENTICATED": "true"]).allowsUnauthenticated)
        #expect(try configuration(file: #"{"allow-unauthenticated": true}"#).allowsUnauthenticated)
        #expect(try configuration(environment: ["INTENTD_PORT": ""]).port == 8080)
    }

    @Test func everyOptionIsASetting() throws {
        // The names of the file are those of the flags: each flag of the help text must be known.
        let help = ServeCommand.helpMessage()
        let flags = Set(help.matches(of: /--([a-z][a-z-]+)/).map { String($0.1) })
        let others: Set<String> = ["config", "help", "version", "some-name"]
        #expect(flags.subtracting(others) == ServeOptions.names)
    }

    @Test(arguments: [
        (["--port", "65536"], "--port"), (["--latency-bound-ms", "0"], "--latency-bound-ms"),
        (["--tls-key", "k"], "--tls-certificate"), (["--tls-client-ca", "c"], "--tls-certificate"),
        (["--log-level", "trace"], "--log-level"), (["--drain-delay", "30"], "--grace-period"),
        (["--max-rows", "0"], "--max-rows"), (["--max-held-body-bytes", "2048"], "--max-body-bytes"),
        (["--config", "/nonexistent"], "/nonexistent"),
    ])
    func wrongFlags(arguments: [String], names: String) {
        #expect(message(arguments).contains(names), "\(message(arguments))")
    }

    /// A pipe would wait for somebody to write, a device never ends.
    @Test(.timeLimit(.minutes(1))) func onlyARegularFileWithinTheLimitIsRead() throws {
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        let large = try folder.write("large", "")
        try #require(truncate(large, 16_000_001) == 0)
        for path in [pipe, "/dev/zero", folder.path] {
            #expect(message(["--config", path]) == "the configuration file \(path): not a regular file")
        }
        #expect(
            message(["--config", large])
                == "the configuration file \(large): 16000001 bytes; the limit is 16000000")
    }

    @Test(arguments: [
        ("INTENTD_PORT", "x"), ("INTENTD_LATENCY_BOUND_MS", "fast"), ("INTENTD_ALLOW_UNAUTHENTICATED", "maybe"),
        ("INTENTD_LOG_LEVEL", "loud"), ("INTENTD_THREADS", "0"), ("INTENTD_MAX_CONNECTIONS", "-1"),
    ])
    func wrongVariables(name: String, value: String) {
        #expect(message(environment: [name: value]).contains(name))
    }

    @Test(arguments: [
        (#"{"port": "x"}"#, "port in"), (#"{"prot": 1}"#, "no setting prot"), (#"{"port": [1]}"#, "port must"),
        ("{", "JSON"), ("INTENTD_PROT=1", "line 1"), ("# a\nport", "line 2"),
    ])
    func wrongFiles(file: String, names: String) {
        #expect(message(file: file).contains(names), "\(message(file: file))")
    }
}
