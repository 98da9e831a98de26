import Testing

@testable import Engine

/// The forward pass against transformers + bitsandbytes + peft on checkpoints that those libraries saved.
@Suite struct TransformersOracleTests {
    /// float32 on both sides: what differs is the order of sums. Largest seen 1.5e-6.
    static let float32Bound: Float = 2e-5

    @Test(arguments: EngineFixture.names)
    func referenceEqualsTransformers(_ name: String) throws {
        let fixture = try EngineFixture(name)
        let weights = try ReferenceWeights(
            fixture.files.source, plan: fixture.plan, positions: fixture.files.maximumTokens)
        let decoder = ReferenceDecoder(plan: fixture.plan, weights: weights)
        for expected in fixture.cases {
            let states = decoder.hiddenStates(expected.ids)
            #expect(relativeError(states, expected.hidden.flatMap { $0 }) < Self.float32Bound)
            let logits = try states.withUnsafeBufferPointer { try #require(fixture.files.head).predict($0).logits }
            #expect(relativeError(logits, expected.logits) < Self.float32Bound)
        }
    }

    @Test(arguments: EngineFixture.names, KernelSet.available)
    func packedFloat32EqualsTransformers(_ name: String, _ instructionSet: String) throws {
        let fixture = try EngineFixture(name)
        let runner = try DecoderRunner(fixture, precision: .f32, instructionSet: instructionSet)
        let states = runner.hiddenStates(fixture.messages)
        let logits = try runner.logits(fixture.messages)
        for (index, expected) in fixture.cases.enumerated() {
            #expect(relativeError(states[index], expected.hidden.flatMap { $0 }) < Self.float32Bound)
            #expect(relativeError(logits[index], expected.logits) < Self.float32Bound)
        }
    }

    /// Bounds of the narrower precisions on these tiny random models, whose 64-wide products average less rounding
    /// out than a real model's. Real messages are held to agreement of the answer in `RealModelTests`.
    /// Chained products (AVX2) hold weights and activations more coarsely: the largest seen are int8 0.24, nf4 0.46.
    static func narrowBound(_ precision: Precision, _ kernels: KernelSet) -> Float {
        let chained = kernels.name == "avx2"
        return switch precision {
        case .bf16: 0.08
        case .nf4: chained ? 0.6 : 0.15
        default: chained ? 0.3 : 0.15
        }
    }

    @Test(arguments: EngineFixture.names, KernelSet.available)
    func narrowPrecisionsStayClose(_ name: String, _ instructionSet: String) throws {
        let fixture = try EngineFixture(name)
        for precision in [Precision.bf16, .int8] {
            let bound = Self.narrowBound(precision, try KernelSet(forced: instructionSet))
            let runner = try DecoderRunner(fixture, precision: precision, instructionSet: instructionSet)
            let logits = try runner.logits(fixture.messages)
            for (index, expected) in fixture.cases.enumerated() {
                let error = relativeError(logits[index], expected.logits)
                #expect(error < bound, "\(precision) message \(index)")
            }
        }
    }

    @Test(arguments: ["gemma3-qlora", "llama-qlora"], KernelSet.available)
    func fourBitStaysClose(_ name: String, _ instructionSet: String) throws {
        let fixture = try EngineFixture(name)
        let runner = try DecoderRunner(fixture, precision: .nf4, instructionSet: instructionSet)
        let logits = try runner.logits(fixture.messages)
        for (index, expected) in fixture.cases.enumerated() {
            let bound = Self.narrowBound(.nf4, try KernelSet(forced: instructionSet))
            #expect(relativeError(logits[index], expected.logits) < bound, "message \(index)")
        }
    }

    /// Weights that stay 4-bit cannot be scaled row by row; every other precision runs such an adapter (above).
    @Test func fourBitRefusesDoRAByName() throws {
        let fixture = try EngineFixture("llama-qdora")
        let error = #expect(throws: EngineError.self) { try DecoderRunner(fixture, precision: .nf4) }
        #expect(error?.description.contains("DoRA") == true && error?.description.contains("another precision") == true)
    }
}
