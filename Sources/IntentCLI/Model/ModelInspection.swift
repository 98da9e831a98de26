import Engine
import FoundationEssentials

/// What `intentd model inspect` shows.
struct ModelInspection: Encodable {
    /// A part of the weights.
    struct Part: Encodable {
        var name: String
        var bytes: Int
        var f32Bytes: Int
    }

    /// What layers and head would take in one precision.
    struct PrecisionPart: Encodable {
        var precision: String
        var bytes: Int
        /// How much less than in f32, in percent.
        var savedPercent: Double
    }

    var name: String
    var version: String
    var architecture: String
    var layers: Int
    var baseLayers: Int
    var hiddenSize: Int
    var attention: String
    var pooling: String
    var labels: Int
    var maximumTokens: Int
    var precision: String
    /// Why `auto` took it; null if it was asked for.
    var precisionReason: String?
    var kernels: String
    var threads: Int
    var base: String
    var adapter: String?
    var adaptedModules: Int
    var adapterRank: Int?
    var defaultThreshold: Float
    var scopeMethod: String?
    var memory: [Part]
    var precisionMemory: [PrecisionPart]
    var workspaceBytes: Int
    var files: [ModelFileHash]

    init(_ model: ModelDescription, files: [ModelFileHash]) {
        name = model.name
        version = model.version
        architecture = model.architecture
        layers = model.layers
        baseLayers = model.baseLayers
        hiddenSize = model.hiddenSize
        attention = model.attention.rawValue
        pooling = model.pooling.rawValue
        labels = model.labels.count
        maximumTokens = model.maximumTokens
        precision = model.precision.rawValue
        precisionReason = model.precisionReason
        kernels = model.kernels
        threads = model.threads
        base = model.basePath
        adapter = model.adapterPath
        adaptedModules = model.adaptedModules
        adapterRank = model.adapterRank
        defaultThreshold = model.defaultThreshold
        scopeMethod = model.scopeMethod
        memory = model.memory.map { Part(name: $0.name, bytes: $0.bytes, f32Bytes: $0.f32Bytes) }
        let full = Double(model.precisionMemory.first?.weightBytes ?? 0)
        precisionMemory = model.precisionMemory.map {
            PrecisionPart(
                precision: $0.precision.rawValue, bytes: $0.weightBytes,
                savedPercent: full > 0 ? 100 * (1 - Double($0.weightBytes) / full) : 0)
        }
        workspaceBytes = model.workspaceBytes
        self.files = files
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The same for a terminal.
    var text: String {
        let abstention = defaultThreshold > 0 || scopeMethod != nil
            ? "below \(defaultThreshold)" + (scopeMethod.map { ", out of scope by \($0)" } ?? "") : "never"
        var lines = [
            line("model", "\(name) \(version)"),
            line("architecture", "\(architecture), \(layers) of \(baseLayers) layers, hidden size \(hiddenSize)"),
            line("attention", "\(attention), pooling \(pooling)"),
            line("intents", "\(labels), abstains \(abstention)"),
            line("reads", "\(maximumTokens) tokens at most"),
            line("precision", "\(precision)\(precisionReason.map { " by auto: " + $0 } ?? "")"),
            line("runs on", "\(kernels) kernels, \(threads) \(threads == 1 ? "thread" : "threads")"),
            line("base", base),
            line("adapter", adapter.map { path in
                "\(path), \(adaptedModules) modules" + (adapterRank.map { ", rank \($0)" } ?? "")
            } ?? "none"),
            "",
            row("memory", "held", "in f32"),
        ]
        lines += memory.map { row("  " + $0.name, Self.mebibytes($0.bytes), Self.mebibytes($0.f32Bytes)) }
        let held = memory.reduce(0) { $0 + $1.bytes }, full = memory.reduce(0) { $0 + $1.f32Bytes }
        lines.append(row("  all weights", Self.mebibytes(held), Self.mebibytes(full)))
        lines.append(row("  working memory", Self.mebibytes(workspaceBytes), ""))
        lines += ["", row("layers and head", "held", "less than f32")]
        lines += precisionMemory.map {
            row("  " + $0.precision, Self.mebibytes($0.bytes), NumberFormat.fixed($0.savedPercent, 1) + " %")
        }
        lines += ["", "files (SHA-256)"]
        lines += files.map { file in
            let note = file.matches.map { $0 ? "  as SHA256SUMS says" : "  DIFFERS FROM SHA256SUMS" } ?? ""
            return "  \(file.sha256)  \(file.path)\(note)"
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ name: String, _ value: String) -> String { Self.padded(name, 14) + value }

    private func row(_ name: String, _ held: String, _ full: String) -> String {
        let columns = [held, full].map { String(repeating: " ", count: max(1, 14 - $0.count)) + $0 }
        let text = Self.padded(name, 28) + columns.joined()
        return String(text.reversed().drop { $0 == " " }.reversed())
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private static func mebibytes(_ bytes: Int) -> String { NumberFormat.fixed(Double(bytes) / 1_048_576, 1) + " MiB" }
}
