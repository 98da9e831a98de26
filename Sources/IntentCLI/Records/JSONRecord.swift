import FoundationEssentials

/// Reads one JSON Lines record.
enum JSONRecord {
    /// The record in `bytes`, one JSON object with a text field and, if it likes, an identifier (string, number or
    /// boolean). Other fields are allowed: the stream belongs to the caller.
    static func parse(_ bytes: [UInt8], line: Int, fields: RecordReader.Fields) -> InputRecord {
        func failure(_ reason: String) -> InputRecord {
            InputRecord(line: line, id: String(line), text: .failure(RecordError(reason)))
        }
        let decoder = JSONDecoder()
        decoder.userInfo[.recordFields] = fields
        let object: Object
        do {
            object = try decoder.decode(Object.self, from: Data(bytes))
        } catch let error as RecordError {
            return failure(error.description)
        } catch DecodingError.typeMismatch {
            return failure("the line is not a JSON object")
        } catch {
            return failure("the line is not valid JSON")
        }
        guard !object.text.allSatisfy(\.isWhitespace) else { return failure("the message is empty") }
        return InputRecord(
            line: line, id: object.id ?? String(line), text: .success(object.text), label: object.label)
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private struct Object: Decodable {
        var text: String
        var id: String?
        var label: String?

        init(from decoder: any Decoder) throws {
            guard let fields = decoder.userInfo[.recordFields] as? RecordReader.Fields else {
                throw RecordError("no field names were given")
            }
            let container = try decoder.container(keyedBy: Key.self)
            text = try Self.string(fields.text, in: container)
            label = try fields.label.map { try Self.string($0, in: container) }
            id = try Self.identifier(fields.id, in: container)
        }

        private static func string(_ field: String, in container: KeyedDecodingContainer<Key>) throws -> String {
            let key = Key(stringValue: field)
            guard container.contains(key) else { throw RecordError("the object has no field '\(field)'") }
            guard let value = try? container.decode(String.self, forKey: key) else {
                throw RecordError("the field '\(field)' is not a string")
            }
            return value
        }

        /// The identifier as JSON. Integers keep all their digits.
        private static func identifier(
            _ field: String, in container: KeyedDecodingContainer<Key>
        ) throws -> String? {
            let key = Key(stringValue: field)
            guard container.contains(key), (try? container.decodeNil(forKey: key)) != true else { return nil }
            if let value = try? container.decode(String.self, forKey: key) { return JSONText.quoted(value) }
            if let value = try? container.decode(Bool.self, forKey: key) { return value ? "true" : "false" }
            if let value = try? container.decode(Int64.self, forKey: key) { return String(value) }
            if let value = try? container.decode(UInt64.self, forKey: key) { return String(value) }
            if let value = try? container.decode(Double.self, forKey: key), value.isFinite {
                guard value.magnitude < 0x1p63 else {
                    throw RecordError(
                        "the field '\(field)' is a number of more than 64 bits, which is not kept exactly; "
                            + "send it as a string")
                }
                return "\(value)"
            }
            throw RecordError("the field '\(field)' is not a string, a number or a boolean")
        }
    }
}

extension CodingUserInfoKey {
    fileprivate static let recordFields = CodingUserInfoKey(rawValue: "recordFields")!
}
