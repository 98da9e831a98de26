import FileAccess
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import IntentServer

/// TLS and mutual TLS over real connections, and reading certificates again.
struct TLSTests {
    @Test func servesOverTLS() async throws {
        var service = TestService()
        service.tls = try TLSContextSource(
            TLSFiles(certificate: Fixture.path("server.pem"), key: Fixture.path("server-key.pem")))
        try await service.live { client in
            let port = try #require(client.port)
            #expect(try await Self.get("/readyz", port: port).status == .ok)
            // Plain HTTP on the same port is turned away, not answered.
            let socket = try RawSocket(port: port)
            try socket.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(!(await socket.readAll()).hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func mutualTLSAsksForACertificateOfTheAuthority() async throws {
        var service = TestService()
        service.tls = try TLSContextSource(
            TLSFiles(
                certificate: Fixture.path("server.pem"), key: Fixture.path("server-key.pem"),
                clientAuthorities: Fixture.path("authority.pem")))
        try await service.live { client in
            let port = try #require(client.port)
            #expect(try await Self.get("/readyz", port: port, certificate: "client").status == .ok)
            await #expect(throws: (any Error).self) { try await Self.get("/readyz", port: port) }
            await #expect(throws: (any Error).self) {
                try await Self.get("/readyz", port: port, certificate: "client-unknown")
            }
            var probe = HealthProbe(host: "127.0.0.1", port: port, path: "/readyz")
            probe.usesTLS = true
            await #expect(throws: HealthProbe.Failure.self) { try await probe.run() }
            probe.clientCertificate = Fixture.path("client.pem")
            probe.clientKey = Fixture.path("client-key.pem")
            try await probe.run()
        }
    }

    @Test func reloadServesTheNewCertificate() async throws {
        let folder = try TemporaryFolder()
        let copy = { @Sendable (from: String, to: String) in
            _ = try folder.write(to, String(decoding: Data(contentsOf: URL(filePath: Fixture.path(from))), as: UTF8.self))
        }
        try copy("server.pem", "c.pem")
        try copy("server-key.pem", "k.pem")
        let source = try TLSContextSource(TLSFiles(certificate: folder.path + "/c.pem", key: folder.path + "/k.pem"))
        var service = TestService()
        service.tls = source
        try await service.live { client in
            let port = try #require(client.port)
            // Half of a renewal: the new certificate does not fit the old key, so the old pair stays.
            try copy("server-renewed.pem", "c.pem")
            #expect(throws: StartError.self) { try source.reload() }
            #expect(try await Self.get("/readyz", port: port).status == .ok)
            #expect(try await Self.certificate(port: port) == Self.certificate("server"))
            try copy("server-renewed-key.pem", "k.pem")
            try source.reload()
            #expect(try await Self.get("/readyz", port: port).status == .ok)
            #expect(try await Self.certificate(port: port) == Self.certificate("server-renewed"))
        }
    }

    @Test(arguments: [
        ("missing.pem", "server-key.pem", "missing.pem: no such file"), ("server.pem", "missing.pem", "no such file"),
        ("server-key.pem", "server-key.pem", "certificate chain"), ("server.pem", "server.pem", "private key"),
        ("", "server-key.pem", "not a regular file"), ("server.pem", "client-key.pem", "does not belong"),
    ])
    func wrongFiles(certificate: String, key: String, names: String) {
        let files = TLSFiles(certificate: Fixture.path(certificate), key: Fixture.path(key))
        let error = #expect(throws: StartError.self) { try TLSContextSource(files) }
        #expect(error?.description.contains(names) == true, "\(error.map(String.init(describing:)) ?? "")")
    }

    /// A pipe would wait for somebody to write, a device never ends; an empty file is none.
    @Test(.timeLimit(.minutes(1))) func onlyRegularFilesWithinTheLimitAreRead() throws {
        let folder = try TemporaryFolder()
        let pipe = folder.path + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        let (limit, large) = (RegularFile.documentLimit, try folder.write("large", ""))
        try #require(truncate(large, limit + 1) == 0)
        let right = TLSFiles(
            certificate: Fixture.path("server.pem"), key: Fixture.path("server-key.pem"),
            clientAuthorities: Fixture.path("authority.pem"))
        let cases: [(path: String, error: FileError)] = [
            (pipe, .notARegularFile(path: pipe)), ("/dev/zero", .notARegularFile(path: "/dev/zero")),
            (large, .overLimit(path: large, bytes: limit + 1, limit: limit)),
        ]
        for (path, error) in cases {
            for member in [\TLSFiles.certificate, \.key] {
                var files = right
                files[keyPath: member] = path
                #expect(throws: StartError.file(error)) { try TLSContextSource(files) }
            }
            var files = right
            files.clientAuthorities = path
            #expect(throws: StartError.file(error)) { try TLSContextSource(files) }
        }
        let empty = try folder.write("empty", "")
        for member in [\TLSFiles.certificate, \.key] {
            var files = right
            files[keyPath: member] = empty
            #expect(throws: StartError.self) { try TLSContextSource(files) }
        }
    }

    private static func certificate(_ name: String) throws -> NIOSSLCertificate {
        try #require(try NIOSSLCertificate.fromPEMFile(Fixture.path("\(name).pem")).first)
    }

    /// The certificate that a new connection is shown.
    private static func certificate(port: Int) async throws -> NIOSSLCertificate? {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let shown = loop.makePromise(of: NIOSSLCertificate?.self)
        let limit = loop.scheduleTask(in: .seconds(30)) { shown.fail(HealthProbe.Failure.noAnswer) }
        defer { limit.cancel() }
        let context = try NIOSSLContext(configuration: .makeClientConfiguration())
        let channel = try await ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = try NIOSSLClientHandler(context: context, serverHostname: "localhost") { chain, verdict in
                    shown.succeed(chain.first)
                    verdict.succeed(.certificateVerified)
                }
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }.connect(host: "127.0.0.1", port: port).get()
        defer { channel.close(promise: nil) }
        return try await shown.futureResult.get()
    }

    private static func get(
        _ path: String, port: Int, certificate: String? = nil
    ) async throws -> TestClient.Response {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(Fixture.path("authority.pem"))
        if let certificate {
            configuration.certificateChain =
                try NIOSSLCertificate.fromPEMFile(Fixture.path("\(certificate).pem")).map { .certificate($0) }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(file: Fixture.path("\(certificate)-key.pem"), format: .pem))
        }
        return try await TestClient.withClient(
            host: "127.0.0.1", port: port,
            configuration: .init(tlsConfiguration: configuration, timeout: .seconds(30), serverName: "localhost")
        ) { try await $0.execute(TestClient.Request(path, method: .get, authority: "localhost")) }
    }
}
