import ArgumentParser
import Engine
import FoundationEssentials

/// Which model to load and how to run it: the options that every command with an engine takes.
///
/// A flag wins over the environment variable of the same meaning, that over the default.
struct ModelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Model folder: base/ and adapter/, a PEFT folder, or a transformers folder with a head. "
        + "Environment: INTENTD_MODEL. (default: models)", valueName: "dir"))
    var model: String?

    @Option(help: ArgumentHelp("Adapter: NAME for adapter-NAME/ in the model folder, a path, or 'none'. "
        + "Environment: INTENTD_ADAPTER. (default: the folder's own)", valueName: "name"))
    var adapter: String?

    @Option(help: ArgumentHelp("Base checkpoint, when it is not where the model folder says. "
        + "Environment: INTENTD_BASE.", valueName: "dir"))
    var base: String?

    @Option(help: ArgumentHelp("How weights are held: auto, reference, f32, bf16, int8, nf4. "
        + "Environment: INTENTD_PRECISION. (default: auto)", valueName: "precision"))
    var precision: PrecisionChoice?

    @Option(help: ArgumentHelp("Compute threads. Environment: INTENTD_THREADS. "
        + "(default: what affinity and the CPU quota allow)", valueName: "count"))
    var threads: Int?

    @Option(help: ArgumentHelp("Forces the kernels' instruction set, e.g. generic or avx2. "
        + "Environment: INTENTD_INSTRUCTION_SET. (default: this processor's best)", valueName: "name"))
    var instructionSet: String?

    /// The engine's options: flags first, then `environment`, then defaults.
    /// - Parameter environment: variables by name; a caller with a configuration file merges its values in.
    /// - Throws: `ValidationError` naming the flag or variable and what it may hold.
    func loadOptions(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ValidationError) -> LoadOptions {
        let setting = { (name: String) in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        var options = LoadOptions(model: model ?? setting("INTENTD_MODEL") ?? "models")
        options.base = base ?? setting("INTENTD_BASE")
        options.adapter = switch adapter ?? setting("INTENTD_ADAPTER") {
        case nil: .standard
        case "none": .none
        case .some(let name): .named(name)
        }
        let namedPrecision = try Self.precision(setting("INTENTD_PRECISION"))
        let namedThreads = try Self.threads(setting("INTENTD_THREADS"))
        options.precision = (precision ?? namedPrecision).precision
        options.threads = threads ?? namedThreads
        if let threads, !Self.threadRange.contains(threads) {
            throw ValidationError("--threads must be \(Self.threadRange.lowerBound) to \(Self.threadRange.upperBound)")
        }
        options.instructionSet = instructionSet ?? setting("INTENTD_INSTRUCTION_SET")
        return options
    }

    private static let threadRange = 1...1024

    private static func precision(_ value: String?) throws(ValidationError) -> PrecisionChoice {
        guard let value else { return .auto }
        guard let choice = PrecisionChoice(rawValue: value) else {
            throw ValidationError("INTENTD_PRECISION must be one of \(PrecisionChoice.names)")
        }
        return choice
    }

    private static func threads(_ value: String?) throws(ValidationError) -> Int? {
        guard let value else { return nil }
        guard let count = Int(value), threadRange.contains(count) else {
            throw ValidationError(
                "INTENTD_THREADS must be a number from \(threadRange.lowerBound) to \(threadRange.upperBound)")
        }
        return count
    }
}
