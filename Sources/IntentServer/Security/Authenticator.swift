import Synchronization

/// Decides whether a request may pass, by the tokens in force.
final class Authenticator: Sendable {
    let path: String
    private let tokens: Mutex<TokenSet>

    /// - Throws: ``StartError``.
    init(path: String) throws(StartError) {
        self.path = path
        tokens = Mutex(try TokenSet(path: path))
    }

    /// Reads the file again; if anything is wrong with it, the tokens that were there stay.
    func reload() throws(StartError) {
        let new = try TokenSet(path: path)
        tokens.withLock { $0 = new }
    }

    func accepts(authorization: String?) -> Bool { tokens.withLock { $0 }.accepts(authorization: authorization) }
}
