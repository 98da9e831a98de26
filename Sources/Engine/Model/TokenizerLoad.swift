import Glibc
import SentencePiece

/// A tokenizer's file, read on a thread of its own: beside opening a model's other files and packing its weights, of
/// which the first uses one thread too. For a vocabulary of 262,144 pieces it takes a tenth of a start's processor time.
///
/// Use from one thread. `@unchecked Sendable`: only the reading thread writes `outcome`, and its owner reads it after
/// that thread's end.
final class TokenizerLoad: @unchecked Sendable {
    /// A SentencePiece `tokenizer.model`.
    let path: String

    private var outcome: Result<SentencePieceTokenizer, SentencePieceError>?
    private var thread = pthread_t()
    /// Whether there is a thread to be waited for.
    private var isReading = false

    /// Starts reading.
    init(path: String) {
        self.path = path
        let context = Unmanaged.passRetained(self)
        let status = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<TokenizerLoad>.fromOpaque(argument).takeRetainedValue().read()
            return nil
        }, context.toOpaque())
        isReading = status == 0
        if !isReading { context.release() }
    }

    deinit {
        // Nobody wanted the result; the thread holds this until it ends.
        if isReading { pthread_detach(thread) }
    }

    /// The tokenizer, waited for; read now if the system had no thread to give.
    func tokenizer() throws(SentencePieceError) -> SentencePieceTokenizer {
        if isReading {
            pthread_join(thread, nil)
            isReading = false
        }
        return try (outcome ?? read()).get()
    }

    @discardableResult private func read() -> Result<SentencePieceTokenizer, SentencePieceError> {
        let outcome = Result { () throws(SentencePieceError) in try SentencePieceTokenizer(contentsOf: path) }
        self.outcome = outcome
        return outcome
    }
}
