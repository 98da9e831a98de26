import ArgumentParser
import Engine

/// Which model to load and how to run it: the options that every command with an engine takes.
///
/// Each is also a variable and a setting of the configuration file of `serve`; see ``Settings``.
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

    /// The engine's options: flags over settings over defaults.
    /// - Throws: `ValidationError` naming the flag, variable or setting that is wrong, and what it may hold.
    func loadOptions(_ settings: Settings = .process) throws(ValidationError) -> LoadOptions {
        var options = LoadOptions(model: model ?? settings.text("model") ?? "models")
        options.base = base ?? settings.text("base")
        options.adapter = switch adapter ?? settings.text("adapter") {
        case nil: .standard
        case "none": .none
        case .some(let name): .named(name)
        }
        let choice = try settings.choice(precision, "precision", PrecisionChoice.names) {
            PrecisionChoice(rawValue: $0)
        }
        options.precision = choice?.precision
        options.threads = try settings.integer(threads, "threads", in: 1...1024)
        options.instructionSet = instructionSet ?? settings.text("instruction-set")
        return options
    }
}
