import Engine

/// A chunk with its predictions, one a message in order.
struct ScoredChunk: Sendable {
    var chunk: MessageChunk
    var predictions: [Result<Prediction, EngineError>]

    /// Each entry with its answer, in input order.
    func forEachAnswer<Failure: Error>(_ body: (Answer) throws(Failure) -> Void) throws(Failure) {
        var next = 0
        for entry in chunk.entries {
            switch entry {
            case .failure(let line, let reason):
                try body(.failure(line: line, reason: reason))
            case .message(let id, let line, let message):
                let prediction = next < predictions.count ? predictions[next] : .failure(.notFinite)
                next += 1
                switch prediction {
                case .success(let prediction): try body(.prediction(id: id, message, prediction))
                case .failure(let error): try body(.failure(line: line, reason: error.description))
                }
            }
        }
    }

    /// What is said of one record.
    enum Answer {
        case prediction(id: String, TokenizedMessage, Prediction)
        case failure(line: Int, reason: String)
    }
}
