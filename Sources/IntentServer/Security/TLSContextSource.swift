import FileAccess
import NIOSSL
import Synchronization

/// Files that TLS needs, in PEM.
public struct TLSFiles: Sendable, Equatable {
    /// The server's certificate, followed by those that lead to its issuer.
    public var certificate: String
    public var key: String
    /// Issuers of client certificates; if set, clients must show one (mutual TLS).
    public var clientAuthorities: String?

    public init(certificate: String, key: String, clientAuthorities: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }

    var paths: [String] { [certificate, key] + [clientAuthorities].compactMap { $0 } }
}

/// The TLS context of new connections, read again when its files change; connections keep the one they began with.
final class TLSContextSource: Sendable {
    let files: TLSFiles
    private let current: Mutex<NIOSSLContext>

    /// - Throws: ``StartError``.
    init(_ files: TLSFiles) throws(StartError) {
        self.files = files
        current = Mutex(try Self.load(files))
    }

    var context: NIOSSLContext { current.withLock { $0 } }

    /// Reads the files again; if anything is wrong with them, what was there stays.
    func reload() throws(StartError) {
        let context = try Self.load(files)
        current.withLock { $0 = context }
    }

    private static func load(_ files: TLSFiles) throws(StartError) -> NIOSSLContext {
        let chain = try read(files.certificate, "a PEM certificate chain") { try NIOSSLCertificate.fromPEMBytes($0) }
        guard !chain.isEmpty else { throw .tls(path: files.certificate, reason: "holds no certificate") }
        let key = try read(files.key, "an unencrypted PEM private key") {
            try NIOSSLPrivateKey(bytes: $0, format: .pem)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities = files.clientAuthorities {
            let roots = try read(authorities, "PEM certificates") { try NIOSSLCertificate.fromPEMBytes($0) }
            guard !roots.isEmpty else { throw .tls(path: authorities, reason: "holds no certificate") }
            configuration.trustRoots = .certificates(roots)
            // A client is known by its certificate's issuer; its address says nothing.
            configuration.certificateVerification = .noHostnameVerification
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .tls(path: files.key, reason: "does not belong to the certificate in \(files.certificate)")
        }
    }

    private static func read<Value>(
        _ path: String, _ expected: String, _ body: ([UInt8]) throws -> Value
    ) throws(StartError) -> Value {
        let bytes: [UInt8]
        do { bytes = try RegularFile.contents(path) } catch { throw .file(error) }
        do { return try body(bytes) } catch {
            throw .tls(path: path, reason: "cannot be read as \(expected)")
        }
    }
}
