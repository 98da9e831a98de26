import ArgumentParser
import Checkpoint
import FileAccess
import FoundationEssentials
import IntentServer

/// What a command was told besides its flags: the environment, and below it the configuration file of `serve`.
///
/// Every flag `--some-name` is also the variable `INTENTD_SOME_NAME`, and the member `some-name` of a JSON file or the
/// line `INTENTD_SOME_NAME=value` of any other file.
struct Settings {
    /// The variables, with the file's below them.
    private let values: [String: String]
    private let file: String?
    private let environment: [String: String]

    /// What this process was told by its environment.
    static var process: Settings { Settings(environment: ProcessInfo.processInfo.environment) }

    /// The environment alone.
    init(environment: [String: String]) {
        self.environment = environment
        values = environment
        file = nil
    }

    /// - Parameters:
    ///   - file: the configuration file, if there is one.
    ///   - names: the flags' names, without dashes in front; anything else in the file is refused.
    /// - Throws: `ValidationError` naming the file, and the line or member that is wrong.
    init(file: String?, names: Set<String>, environment: [String: String]) throws(ValidationError) {
        self.file = file
        self.environment = environment
        let known = Set(names.map(Self.variable))
        let own = try file.map { path throws(ValidationError) in try Self.read(path, known: known) } ?? [:]
        values = own.merging(environment) { _, new in new }
    }

    /// The variable of a flag.
    static func variable(_ name: String) -> String {
        "INTENTD_" + name.uppercased().replacing("-", with: "_")
    }

    /// The text of a setting; an empty one counts as absent.
    func text(_ name: String) -> String? {
        values[Self.variable(name)].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A whole number: the flag's, else the setting's.
    func integer(_ flag: Int?, _ name: String, in range: ClosedRange<Int>) throws(ValidationError) -> Int? {
        if let flag {
            guard range.contains(flag) else { throw ValidationError("--\(name) must be \(Self.shown(range))") }
            return flag
        }
        guard let text = text(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw ValidationError("\(origin(name)) must be a whole number, \(Self.shown(range))")
        }
        return number
    }

    /// A time in the unit that the flag's name ends in: the flag's, else the setting's.
    func duration(
        _ flag: Double?, _ name: String, in range: ClosedRange<Double>, unit: Duration
    ) throws(ValidationError) -> Duration? {
        var number = flag
        if number == nil, let text = text(name) {
            guard let parsed = Double(text) else { throw ValidationError("\(origin(name)) must be a number") }
            number = parsed
        }
        guard let number else { return nil }
        guard range.contains(number) else {
            let place = flag == nil ? origin(name) : "--\(name)"
            throw ValidationError("\(place) must be \(range.lowerBound) to \(range.upperBound)")
        }
        return unit * number
    }

    /// One of several names: the flag's value, else the setting's.
    /// - Parameters:
    ///   - names: what the setting may hold, for the message.
    ///   - value: the meaning of a name; nil if it has none.
    func choice<Value>(
        _ flag: Value?, _ name: String, _ names: String, _ value: (String) -> Value?
    ) throws(ValidationError) -> Value? {
        if let flag { return flag }
        guard let text = text(name) else { return nil }
        guard let value = value(text) else { throw ValidationError("\(origin(name)) must be one of \(names)") }
        return value
    }

    /// A switch: on by its flag, or by `true`, `yes`, `1`, `on` in the setting.
    func flag(_ flag: Bool, _ name: String) throws(ValidationError) -> Bool {
        if flag { return true }
        switch text(name)?.lowercased() {
        case nil, "false", "no", "0", "off": return false
        case "true", "yes", "1", "on": return true
        default: throw ValidationError("\(origin(name)) must be true or false")
        }
    }

    /// Where a setting came from, as a message names it.
    func origin(_ name: String) -> String {
        let variable = Self.variable(name)
        return environment[variable] != nil || file == nil ? variable : "\(name) in \(file ?? "")"
    }

    private static func shown(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }

    // MARK: the file

    private static func read(_ path: String, known: Set<String>) throws(ValidationError) -> [String: String] {
        let bytes: [UInt8]
        do { bytes = try RegularFile.contents(path) } catch {
            throw ValidationError("the configuration file \(error)")
        }
        let first = bytes.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
        return first == UInt8(ascii: "{")
            ? try json(bytes, path, known: known) : try lines(bytes, path, known: known)
    }

    private static func json(
        _ bytes: [UInt8], _ path: String, known: Set<String>
    ) throws(ValidationError) -> [String: String] {
        let document: JSONValue
        do { document = try JSONValue(parsing: bytes) } catch { throw ValidationError("\(path): \(error)") }
        guard let object = document.object else { throw ValidationError("\(path): must be a JSON object") }
        var values: [String: String] = [:]
        for (name, value) in object.members {
            let variable = variable(name)
            guard known.contains(variable) else { throw unknown(name, path) }
            switch value {
            case .string(let text): values[variable] = text
            case .integer(let number): values[variable] = String(number)
            case .number(let number): values[variable] = String(number)
            case .bool(let flag): values[variable] = String(flag)
            case .null: break
            case .array, .object: throw ValidationError("\(path): \(name) must be a string, number or boolean")
            }
        }
        return values
    }

    private static func lines(
        _ bytes: [UInt8], _ path: String, known: Set<String>
    ) throws(ValidationError) -> [String: String] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError("\(path): is not UTF-8")
        }
        var values: [String: String] = [:]
        for (number, entry) in text.entries {
            guard let equals = entry.firstIndex(of: "=") else {
                throw ValidationError("\(path), line \(number): must be NAME=value")
            }
            let name = entry[..<equals].trimmed
            guard known.contains(name) else { throw unknown(name, "\(path), line \(number)") }
            values[name] = entry[entry.index(after: equals)...].trimmed
        }
        return values
    }

    private static func unknown(_ name: String, _ place: String) -> ValidationError {
        ValidationError("\(place): there is no setting \(name); 'intentd serve --help' lists them")
    }
}
