import ArgumentParser
import Engine

/// A precision as the command line names it; `auto` leaves the choice to the engine.
enum PrecisionChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, reference, f32, bf16, int8, nf4

    /// The engine's precision; nil for `auto`.
    var precision: Precision? { Precision(rawValue: rawValue) }

    /// All names, for messages.
    static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
