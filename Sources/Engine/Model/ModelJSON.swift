import FileAccess
import FoundationEssentials

/// The small JSON files of a model folder: settings, labels, records.
package enum ModelJSON {
    /// The value that the file at `path` holds.
    /// - Parameter reason: what to say of a document that is none.
    /// - Throws: `EngineError.file` or `EngineError.invalidFile`.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, path: String, _ reason: (_ error: any Error) -> String
    ) throws(EngineError) -> Value {
        let bytes: [UInt8]
        do { bytes = try RegularFile.contents(path) } catch { throw .file(error) }
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw .invalidFile(path: path, reason: reason(error))
        }
    }
}
