import CKernels

/// What `auto` takes: the fastest precision that is recorded not to cost the adapter more than
/// `PrecisionRecord.mostPointsLost`, with this processor's integers or coarser ones. What was not measured may cost
/// anything, so without a record, or with one of other weights or of finer integers, it is f32, which all others are
/// measured against.
struct AutomaticPrecision: Equatable {
    var precision: Precision
    /// Why, for `intentd model inspect`.
    var reason: String
}

extension AutomaticPrecision {
    /// Fastest first. The generic level has no SIMD to gain from.
    /// - Parameter isNF4: whether the base's weights are NF4; others cannot run as such.
    static func candidates(_ kernels: KernelSet, isNF4: Bool) -> [Precision] {
        if kernels.name == ck_level_name(CK_LEVEL_GENERIC).map({ String(cString: $0) }) { return [] }
        return isNF4 ? [.int8, .nf4, .bf16] : [.int8, .bf16]
    }

    /// - Parameters:
    ///   - adapter: the adapter's folder; nil without one.
    ///   - isNF4: whether the base's weights are NF4.
    /// - Throws: `EngineError` for a record that cannot be read.
    init(adapter: String?, isNF4: Bool, kernels: KernelSet) throws(EngineError) {
        guard let adapter, let record = try PrecisionRecord(adapter: adapter) else {
            self.init(precision: .f32, reason: "the model has no precision.json")
            return
        }
        guard try record.isCurrent(adapter: adapter) else {
            self.init(precision: .f32, reason: "precision.json is of other weights")
            return
        }
        self.init(record, candidates: Self.candidates(kernels, isNF4: isNF4), activationLimit: kernels.activationLimit)
    }

    init(_ record: PrecisionRecord, candidates: [Precision], activationLimit: Int) {
        guard !candidates.isEmpty else {
            self.init(precision: .f32, reason: "the kernels are generic: none is faster")
            return
        }
        var refused: [String] = []
        var taken: Precision?
        for candidate in candidates {
            guard let entry = record.entry(candidate, activationLimit: activationLimit) else {
                refused.append("\(candidate.rawValue) was not measured with these kernels")
                continue
            }
            guard entry.accuracyDifferencePoints >= -PrecisionRecord.mostPointsLost else {
                refused.append("\(candidate.rawValue) loses more than \(PrecisionRecord.mostPointsLost) points")
                continue
            }
            taken = candidate
            break
        }
        self.init(
            precision: taken ?? .f32,
            reason: refused.isEmpty ? "the fastest, and precise enough by precision.json" : refused.joined(separator: ", "))
    }
}
