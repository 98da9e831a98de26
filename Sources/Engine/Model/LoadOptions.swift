/// What to load and how to run it.
public struct LoadOptions: Sendable, Equatable {
    public var model: String
    public var base: String?
    public var adapter: ModelFolder.AdapterChoice
    /// Nil picks the fastest that this processor supports and that `PrecisionRecord` has as precise enough.
    public var precision: Precision?
    /// Compute threads; nil takes what affinity and the CPU quota allow.
    public var threads: Int?
    /// Forces an instruction-set level by name; nil picks the best.
    public var instructionSet: String?

    public init(
        model: String, base: String? = nil, adapter: ModelFolder.AdapterChoice = .standard, precision: Precision? = nil,
        threads: Int? = nil, instructionSet: String? = nil
    ) {
        self.model = model
        self.base = base
        self.adapter = adapter
        self.precision = precision
        self.threads = threads
        self.instructionSet = instructionSet
    }
}
