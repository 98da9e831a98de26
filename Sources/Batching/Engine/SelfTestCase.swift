/// A message whose intent a sound model must name: an entry of `self_test.json` beside the adapter.
public struct SelfTestCase: Sendable, Equatable, Decodable {
    public var text: String
    public var intent: String

    public init(text: String, intent: String) {
        self.text = text
        self.intent = intent
    }
}
