/// How far a build is.
public struct BuildProgress: Sendable, Equatable {
    public enum Step: String, Sendable {
        case verify = "checking the download"
        case scales = "measuring weights"
        case write = "writing weights"
    }

    public var step: Step
    /// Bytes checked, or elements read.
    public var done: Int
    public var total: Int
}
