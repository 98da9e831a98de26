public import FileAccess

/// Why the server did not start. Each says what to change.
public enum StartError: Error, Equatable, CustomStringConvertible {
    /// A token or TLS file cannot be read.
    case file(FileError)
    case tls(path: String, reason: String)
    case tokens(path: String, reason: String)
    /// A public address without authentication.
    case openToAll(host: String)
    case address(host: String, port: Int, reason: String)
    /// The model could not be loaded or failed its self-test.
    case model(String)

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .tls(let path, let reason): "TLS: \(path) \(reason)"
        case .tokens(let path, let reason): "tokens: \(path) \(reason)"
        case .openToAll(let host):
            "refusing to listen on \(host) without authentication: name a token file with --auth-tokens-file, "
                + "ask for client certificates with --tls-client-ca, or say --allow-unauthenticated"
        case .address(let host, let port, let reason): "cannot listen on \(host):\(port): \(reason)"
        case .model(let reason): reason
        }
    }
}
