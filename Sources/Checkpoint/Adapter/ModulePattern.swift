/// A key of `rank_pattern` or `alpha_pattern`: PEFT matches `(.*\.)?(key)$` against a module's path, with the key as
/// a Python regular expression.
///
/// The matcher simulates the expression's automaton, so that time is linear in the path whatever the pattern
/// (Thompson 1968). It knows literals, `.`, classes, `\d \w \s` and escapes, groups, `|`, `* + ? {m,n}`, `^` and `$`;
/// other syntax (look-around, back-references, flags) is refused when the pattern is read.
struct ModulePattern: Sendable {
    /// Automaton states a pattern may need; repetition counts multiply it.
    private static let stateLimit = 4096

    private indirect enum Node {
        case empty
        case set(CharacterSet)
        case start
        case end
        case sequence([Node])
        case choice([Node])
        case loop(Node, minimum: Int, maximum: Int?)
    }

    private struct CharacterSet {
        var ranges: [ClosedRange<UInt8>]
        var inverted = false

        func contains(_ byte: UInt8) -> Bool { ranges.contains { $0.contains(byte) } != inverted }
    }

    private enum State {
        case set(CharacterSet, next: Int)
        case split(Int, Int)
        case start(next: Int)
        case end(next: Int)
        case accept
    }

    private var states: [State] = []
    private var first = 0
    private var steps = 0

    /// Compiles a key; nil if it is malformed or uses syntax that is not supported.
    init?(_ key: String) {
        guard key.utf8.count <= 1024 else { return nil }
        var parser = Parser(Array(key.utf8))
        guard let node = parser.parse() else { return nil }
        let anything = Node.set(CharacterSet(ranges: [10...10], inverted: true))
        let prefix = Node.loop(
            .sequence([
                .loop(anything, minimum: 0, maximum: nil),
                .set(CharacterSet(ranges: [UInt8(ascii: ".")...UInt8(ascii: ".")])),
            ]), minimum: 0, maximum: 1)
        let accept = append(.accept)
        guard let accept, let entry = compile(.sequence([prefix, node, .end]), next: accept) else { return nil }
        first = entry
    }

    /// Whether PEFT would apply the key to this module.
    func matches(_ module: String) -> Bool {
        let text = Array(module.utf8)
        var active = [Bool](repeating: false, count: states.count)
        var current: [Int] = []
        add(first, at: 0, of: text.count, to: &current, &active)
        for (position, byte) in text.enumerated() {
            var next: [Int] = []
            var nextActive = [Bool](repeating: false, count: states.count)
            for state in current {
                if case .set(let set, let target) = states[state], set.contains(byte) {
                    add(target, at: position + 1, of: text.count, to: &next, &nextActive)
                }
            }
            guard !next.isEmpty else { return false }
            current = next
            active = nextActive
        }
        return current.contains { if case .accept = states[$0] { true } else { false } }
    }

    private func add(_ state: Int, at position: Int, of end: Int, to list: inout [Int], _ active: inout [Bool]) {
        var pending = [state]
        while let state = pending.popLast() {
            guard !active[state] else { continue }
            active[state] = true
            switch states[state] {
            case .split(let left, let right): pending += [left, right]
            case .start(let next): if position == 0 { pending.append(next) }
            case .end(let next): if position == end { pending.append(next) }
            case .set, .accept: list.append(state)
            }
        }
    }

    private mutating func append(_ state: State) -> Int? {
        guard states.count < Self.stateLimit else { return nil }
        states.append(state)
        return states.count - 1
    }

    /// Builds the states of `node` in front of `next`; nil if there are too many.
    private mutating func compile(_ node: Node, next: Int) -> Int? {
        steps += 1
        guard steps <= 4 * Self.stateLimit else { return nil }
        switch node {
        case .empty: return next
        case .set(let set): return append(.set(set, next: next))
        case .start: return append(.start(next: next))
        case .end: return append(.end(next: next))
        case .sequence(let nodes):
            var entry = next
            for node in nodes.reversed() {
                guard let compiled = compile(node, next: entry) else { return nil }
                entry = compiled
            }
            return entry
        case .choice(let nodes):
            var entry: Int?
            for node in nodes.reversed() {
                guard let compiled = compile(node, next: next) else { return nil }
                guard let right = entry else {
                    entry = compiled
                    continue
                }
                guard let split = append(.split(compiled, right)) else { return nil }
                entry = split
            }
            return entry ?? next
        case .loop(let body, let minimum, let maximum):
            var entry = next
            if let maximum {
                for _ in minimum..<max(minimum, maximum) {
                    guard let inner = compile(body, next: entry), let split = append(.split(inner, next)) else {
                        return nil
                    }
                    entry = split
                }
            } else {
                guard let split = append(.split(next, next)), let inner = compile(body, next: split) else { return nil }
                states[split] = .split(inner, next)
                entry = split
            }
            for _ in 0..<minimum {
                guard let inner = compile(body, next: entry) else { return nil }
                entry = inner
            }
            return entry
        }
    }

    private struct Parser {
        private let text: [UInt8]
        private var at = 0
        private var depth = 0

        init(_ text: [UInt8]) { self.text = text }

        mutating func parse() -> Node? {
            guard let node = choice(), at == text.count else { return nil }
            return node
        }

        private var next: UInt8? { at < text.count ? text[at] : nil }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard next == byte else { return false }
            at += 1
            return true
        }

        private mutating func choice() -> Node? {
            depth += 1
            defer { depth -= 1 }
            guard depth <= 32 else { return nil }
            var branches: [Node] = []
            repeat {
                guard let branch = sequence() else { return nil }
                branches.append(branch)
            } while take(UInt8(ascii: "|"))
            return branches.count == 1 ? branches[0] : .choice(branches)
        }

        private mutating func sequence() -> Node? {
            var nodes: [Node] = []
            while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
                guard let atom = atom(), let node = repetition(of: atom) else { return nil }
                nodes.append(node)
            }
            return nodes.isEmpty ? .empty : .sequence(nodes)
        }

        private mutating func repetition(of atom: Node) -> Node? {
            var node: Node
            switch next {
            case UInt8(ascii: "*"): node = .loop(atom, minimum: 0, maximum: nil)
            case UInt8(ascii: "+"): node = .loop(atom, minimum: 1, maximum: nil)
            case UInt8(ascii: "?"): node = .loop(atom, minimum: 0, maximum: 1)
            case UInt8(ascii: "{"):
                at += 1
                guard let minimum = count() else { return nil }
                var maximum: Int? = minimum
                if take(UInt8(ascii: ",")) { maximum = next == UInt8(ascii: "}") ? nil : count() ?? -1 }
                guard next == UInt8(ascii: "}"), maximum ?? minimum >= minimum else { return nil }
                node = .loop(atom, minimum: minimum, maximum: maximum)
            default: return atom
            }
            at += 1
            // Whether a repetition is greedy does not change if the whole path matches.
            _ = take(UInt8(ascii: "?"))
            if let byte = next, [UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "{")].contains(byte) { return nil }
            return node
        }

        private mutating func count() -> Int? {
            var value: Int?
            while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), value ?? 0 <= 100 {
                value = (value ?? 0) * 10 + Int(byte - UInt8(ascii: "0"))
                at += 1
            }
            return value
        }

        private mutating func atom() -> Node? {
            guard let byte = next else { return nil }
            at += 1
            switch byte {
            case UInt8(ascii: "."): return .set(CharacterSet(ranges: [10...10], inverted: true))
            case UInt8(ascii: "^"): return .start
            case UInt8(ascii: "$"): return .end
            case UInt8(ascii: "["): return bracket()
            case UInt8(ascii: "("):
                if take(UInt8(ascii: "?")) { guard take(UInt8(ascii: ":")) else { return nil } }
                guard let node = choice(), take(UInt8(ascii: ")")) else { return nil }
                return node
            case UInt8(ascii: "\\"): return escape().map { .set($0) }
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"), UInt8(ascii: "]"),
                UInt8(ascii: "}"):
                return nil
            default: return .set(CharacterSet(ranges: [byte...byte]))
            }
        }

        private static let digits = [UInt8(ascii: "0")...UInt8(ascii: "9")]
        private static let words =
            digits + [
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "_")...UInt8(ascii: "_"),
            ]

        private mutating func escape() -> CharacterSet? {
            guard let byte = next else { return nil }
            at += 1
            switch byte {
            case UInt8(ascii: "d"): return CharacterSet(ranges: Self.digits)
            case UInt8(ascii: "D"): return CharacterSet(ranges: Self.digits, inverted: true)
            case UInt8(ascii: "w"): return CharacterSet(ranges: Self.words)
            case UInt8(ascii: "W"): return CharacterSet(ranges: Self.words, inverted: true)
            case UInt8(ascii: "s"): return CharacterSet(ranges: [9...13, 32...32])
            case UInt8(ascii: "S"): return CharacterSet(ranges: [9...13, 32...32], inverted: true)
            default:
                // Other letters and digits mean back-references, boundaries or characters no module path has.
                return Self.words.contains { $0.contains(byte) } && byte != UInt8(ascii: "_")
                    ? nil : CharacterSet(ranges: [byte...byte])
            }
        }

        private mutating func bracket() -> Node? {
            let inverted = take(UInt8(ascii: "^"))
            var ranges: [ClosedRange<UInt8>] = []
            while let byte = next, byte != UInt8(ascii: "]") || ranges.isEmpty {
                at += 1
                if byte == UInt8(ascii: "\\") {
                    guard let set = escape(), !set.inverted else { return nil }
                    ranges += set.ranges
                } else if next == UInt8(ascii: "-"), at + 1 < text.count, text[at + 1] != UInt8(ascii: "]") {
                    let high = text[at + 1]
                    guard high >= byte, high != UInt8(ascii: "\\") else { return nil }
                    at += 2
                    ranges.append(byte...high)
                } else {
                    ranges.append(byte...byte)
                }
            }
            guard take(UInt8(ascii: "]")) else { return nil }
            return .set(CharacterSet(ranges: ranges, inverted: inverted))
        }
    }
}
