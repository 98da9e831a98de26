public import Engine

extension IntentEngine: BatchEngine {
    public var messageTokenizer: any MessageTokenizing { tokenizer }
}
