/// Bounds on what one client may cost the service. Each has a flag, `--max-body-bytes` and so on.
public struct ServerLimits: Sendable, Equatable {
    /// Bytes of a request's body, also after decompression.
    public var bodyBytes = 1 << 20
    /// Bytes of all bodies that are being held at once; a request beyond is refused as overload.
    public var heldBodyBytes = 64 << 20
    /// Bytes of a request's head: request line and headers.
    public var headerBytes = 16 << 10
    /// Messages of one request.
    public var rows = 256
    /// Open connections; further ones wait to be accepted.
    public var connections = 4096
    /// A gzip body may grow to this many times its size, once it is larger than 64 KiB.
    public var inflationRatio = 200
    /// Time from a request's first byte to the end of its head; also for the TLS handshake.
    public var headTimeout = Duration.seconds(10)
    /// Time from a request's head to the end of its body.
    public var bodyTimeout = Duration.seconds(20)
    /// Time that a connection may stay open without a request.
    public var idleTimeout = Duration.seconds(75)
    /// Time that a client may take to accept an answer.
    public var writeTimeout = Duration.seconds(30)

    public init() {}
}
