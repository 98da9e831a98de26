import Logging
import NIOCore

/// Writes log events as one JSON object a line: time, level, logger, message, and the metadata as members.
///
/// Errors are shown by their type: a description may quote what a client sent.
struct JSONLogHandler: LogHandler {
    /// Takes whole lines, newline included.
    typealias Sink = @Sendable ([UInt8]) -> Void

    let label: String
    let sink: Sink
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, level: Logger.Level = .info, sink: @escaping Sink = StandardError.write) {
        self.label = label
        self.sink = sink
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var json = JSONWriter()
        json.object { json in
            json.member("time", Timestamp.now())
            json.member("level", event.level.rawValue)
            json.member("logger", label)
            json.member("message", event.message.description)
            var members = metadata
            if let provided = metadataProvider?.get() { members.merge(provided) { _, new in new } }
            if let own = event.metadata { members.merge(own) { _, new in new } }
            if let error = event.error { members["error"] = "\(type(of: error))" }
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                json.name(name)
                Self.write(value, &json)
            }
        }
        sink(Array(json.buffer.readableBytesView) + [UInt8(ascii: "\n")])
    }

    private static func write(_ value: Logger.MetadataValue, _ json: inout JSONWriter) {
        switch value {
        case .string(let string): json.value(string)
        case .stringConvertible(let number as Int): json.value(number)
        case .stringConvertible(let number as Double): json.value(Float(number))
        case .stringConvertible(let other): json.value(other.description)
        case .array(let values): json.array(of: values) { write($1, &$0) }
        case .dictionary(let members):
            json.object { json in
                for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                    json.name(name)
                    write(value, &json)
                }
            }
        }
    }
}
