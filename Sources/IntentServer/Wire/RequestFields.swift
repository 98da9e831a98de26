import Checkpoint
import NIOCore

/// A JSON object of a request, read field by field; whatever is not read at the end is an unknown field.
struct RequestFields {
    private let object: JSONValue.Object
    private let path: String
    private var read: Set<String> = []

    /// Parses a whole body that must be one object.
    /// - Throws: 400 if it is not JSON, 422 if it is JSON but no object.
    init(body: ByteBuffer) throws(APIError) {
        let value = try Self.parse(body)
        guard let object = value.object else { throw .invalid("the body must be a JSON object") }
        self.init(object, path: "")
    }

    /// - Parameter path: where the object stands, e.g. `inputs[0].`, for messages.
    init(_ object: JSONValue.Object, path: String) {
        self.object = object
        self.path = path
    }

    private static func parse(_ body: ByteBuffer) throws(APIError) -> JSONValue {
        guard body.readableBytes > 0 else { throw .malformed("the body is empty; send a JSON object") }
        let result = body.withUnsafeReadableBytes { bytes in
            Result { () throws(JSONError) in try JSONValue(parsing: bytes) }
        }
        switch result {
        case .success(let value): return value
        case .failure(.duplicateName(_, depth: _, let offset)):
            throw .malformed("JSON names a field twice (byte \(offset))")
        case .failure(let error): throw .malformed(error.description)
        }
    }

    /// The value of a field, as it is; nil if it is absent.
    mutating func value(_ name: String) -> JSONValue? {
        read.insert(name)
        return object[name]
    }

    mutating func string(_ name: String) throws(APIError) -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.string else { throw .invalid("\(path)\(name) must be a string") }
        return string
    }

    mutating func bool(_ name: String) throws(APIError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let bool = value.bool else { throw .invalid("\(path)\(name) must be true or false") }
        return bool
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = value(name) else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw .invalid("\(path)\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
        guard let value = value(name) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw .invalid("\(path)\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func array(_ name: String) throws(APIError) -> [JSONValue]? {
        guard let value = value(name) else { return nil }
        guard let array = value.array else { throw .invalid("\(path)\(name) must be an array") }
        return array
    }

    mutating func object(_ name: String) throws(APIError) -> JSONValue.Object? {
        guard let value = value(name) else { return nil }
        guard let object = value.object else { throw .invalid("\(path)\(name) must be an object") }
        return object
    }

    /// Refuses what was not read.
    func finish() throws(APIError) {
        guard let unknown = object.members.first(where: { !read.contains($0.name) })?.name else { return }
        let known = read.sorted().joined(separator: ", ")
        throw .invalid("unknown field \(path)\(Self.shown(unknown)); known here: \(known)")
    }

    /// A client's field name, cut so that an answer cannot be made long.
    private static func shown(_ name: String) -> String {
        let scalars = name.unicodeScalars
        return scalars.count <= 64 ? name : String(String.UnicodeScalarView(scalars.prefix(64))) + "..."
    }
}
