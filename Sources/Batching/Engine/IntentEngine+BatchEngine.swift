public import Engine
import FoundationEssentials

extension IntentEngine: BatchEngine {
    public var messageTokenizer: any MessageTokenizing { tokenizer }

    /// `self_test.json` beside the adapter: an array of objects with `text` and `intent`. None if there is no file.
    public func selfTestCases() throws(EngineError) -> [SelfTestCase] {
        guard let folder = description.adapterPath else { return [] }
        let path = folder + "/self_test.json"
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try ModelJSON.decode([SelfTestCase].self, path: path) { _ in
            "must be an array of objects with the strings text and intent"
        }
    }
}
