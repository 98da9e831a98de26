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
        decoder.userInfo[.recordTextField] = fields.text
        decoder.userInfo[.recordIDField] = fields.id
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
        return InputRecord(line: line, id: object.id ?? String(line), text: .success(object.text))
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

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            let textField = decoder.userInfo[.recordTextField] as? String ?? "text"
            let idField = decoder.userInfo[.recordIDField] as? String ?? "id"
            let textKey = Key(stringValue: textField)
            guard container.contains(textKey) else { throw RecordError("the object has no field '\(textField)'") }
            guard let text = try? container.decode(String.self, forKey: textKey) else {
                throw RecordError("the field '\(textField)' is not a string")
            }
            self.text = text
            let idKey = Key(stringValue: idField)
            guard container.contains(idKey), (try? container.decodeNil(forKey: idKey)) != true else { return }
            if let value = try? container.decode(String.self, forKey: idKey) {
                id = JSONText.quoted(value)
            } else if let value = try? container.decode(Int64.self, forKey: idKey) {
                id = String(value)
            } else if let value = try? container.decode(Double.self, forKey: idKey), value.isFinite {
                id = "\(value)"
            } else if let value = try? container.decode(Bool.self, forKey: idKey) {
                id = value ? "true" : "false"
            } else {
                throw RecordError("the field '\(idField)' is not a string, a number or a boolean")
            }
        }
    }
}

extension CodingUserInfoKey {
    fileprivate static let recordTextField = CodingUserInfoKey(rawValue: "recordTextField")!
    fileprivate static let recordIDField = CodingUserInfoKey(rawValue: "recordIDField")!
}
