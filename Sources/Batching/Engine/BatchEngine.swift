public import Engine

/// What the engine thread drives: an `IntentEngine`, or a stand-in of the tests.
///
/// Not Sendable: used by one thread at a time, handed from the thread that loads it to the thread that serves with it.
public protocol BatchEngine: AnyObject {
    /// What is loaded.
    var description: ModelDescription { get }
    /// Text to tokens for this model.
    var messageTokenizer: any MessageTokenizing { get }
    /// Classifies messages: one result a message, in order. A message that cannot be classified fails alone.
    func classify(_ messages: [TokenizedMessage]) -> [Result<Prediction, EngineError>]
    /// Messages with known intents, which the self-test checks; there may be none.
    func selfTestCases() throws(EngineError) -> [SelfTestCase]
    /// Ends the engine's threads; it is not used afterwards.
    func stop()
}

/// Loads an engine on the thread that calls it; may take seconds.
public typealias EngineLoader = @Sendable () throws(EngineError) -> any BatchEngine
