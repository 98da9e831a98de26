internal import FileAccess

/// A JSON document as written, with the order of its members kept.
///
/// Model files need three things that the decoders at hand do not give: a name that occurs twice is an error (two
/// tensors of one name), Python's `NaN` and `Infinity` are accepted where a number is, and depth and size are
/// bounded before anything is allocated. Source: RFC 8259 and Python's `json` module.
public enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number written without fraction or exponent that fits.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(Object)

    /// Members in file order, with a look-up table.
    public struct Object: Sendable, Equatable {
        public private(set) var members: [(name: String, value: JSONValue)] = []
        private var index: [String: Int] = [:]

        public init() {}

        /// The member of this name; setting one replaces it in its place, adds it at the end, or (nil) removes it.
        public internal(set) subscript(name: String) -> JSONValue? {
            get { index[name].map { members[$0].value } }
            set {
                switch (index[name], newValue) {
                case (let place?, let value?): members[place].value = value
                case (nil, let value?): _ = add(name, value)
                case (let place?, nil):
                    members.remove(at: place)
                    index = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.name, $0) })
                case (nil, nil): break
                }
            }
        }

        /// Adds a member; false if the name is there already.
        mutating func add(_ name: String, _ value: JSONValue) -> Bool {
            guard index[name] == nil else { return false }
            index[name] = members.count
            members.append((name, value))
            return true
        }

        public static func == (left: Object, right: Object) -> Bool {
            left.members.count == right.members.count
                && left.members.allSatisfy { right[$0.name] == $0.value }
        }
    }

    /// Parses a whole document.
    /// - Throws: ``JSONError`` with the byte offset of the fault.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }

    /// Parses a whole document.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        let result = bytes.withUnsafeBytes { raw -> Result<JSONValue, JSONError> in
            Result { () throws(JSONError) in try JSONValue(parsing: raw) }
        }
        self = try result.get()
    }

    public var object: Object? { if case .object(let value) = self { value } else { nil } }
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var isNull: Bool { self == .null }

    /// A whole number, also when written as `8.0`.
    public var integer: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}

/// Why a JSON document was refused, and where.
public enum JSONError: Error, Equatable, CustomStringConvertible {
    case unexpectedEnd(offset: Int)
    case unexpectedByte(offset: Int)
    case invalidNumber(offset: Int)
    case invalidString(offset: Int)
    /// `depth` is 1 for a member of the outermost object.
    case duplicateName(String, depth: Int, offset: Int)
    case tooDeep(offset: Int)
    case tooManyValues(offset: Int)
    case trailingBytes(offset: Int)

    public var description: String { message.printable }

    private var message: String {
        switch self {
        case .unexpectedEnd(let offset): "JSON ends early at byte \(offset)"
        case .unexpectedByte(let offset): "JSON has an unexpected byte at \(offset)"
        case .invalidNumber(let offset): "JSON has a malformed number at byte \(offset)"
        case .invalidString(let offset): "JSON has a malformed string at byte \(offset)"
        case .duplicateName(let name, _, let offset): "JSON names \"\(name)\" twice (byte \(offset))"
        case .tooDeep(let offset): "JSON is nested more than \(JSONParser.depthLimit) deep at byte \(offset)"
        case .tooManyValues(let offset):
            "JSON has more than \(JSONParser.valueLimit) values (byte \(offset))"
        case .trailingBytes(let offset): "JSON is followed by other bytes at \(offset)"
        }
    }
}
