import Testing

@testable import Engine

/// An answer is the same bits alone, in any batch, in any order and on any number of threads.
@Suite struct BatchInvarianceTests {
    private static let precisions: [Precision] = [.f32, .bf16, .int8, .nf4]

    @Test(arguments: precisions, KernelSet.available)
    func aloneOrTogether(_ precision: Precision, _ instructionSet: String) throws {
        for name in ["gemma3-qlora", "llama-qlora"] {
            let fixture = try EngineFixture(name)
            let runner = try DecoderRunner(fixture, precision: precision, instructionSet: instructionSet)
            let together = runner.hiddenStates(fixture.messages)
            for (index, message) in fixture.messages.enumerated() {
                #expect(bits(runner.hiddenStates([message])[0]) == bits(together[index]), "\(name) \(index)")
            }
            let reversed = runner.hiddenStates(fixture.messages.reversed())
            #expect(reversed.reversed().map(bits) == together.map(bits))
        }
    }

    @Test(arguments: precisions, [2, 3, 8, 17, 64])
    func anyNumberOfThreads(_ precision: Precision, _ threads: Int) throws {
        let fixture = try EngineFixture("gemma3-qlora")
        // Enough rows for several tiles: 20 copies of each message.
        let messages = (0..<20).flatMap { shift in fixture.messages.map { Array($0.suffix(max(1, $0.count - shift))) } }
        let one = try DecoderRunner(fixture, precision: precision).hiddenStatesInRuns(messages)
        let many = try DecoderRunner(fixture, precision: precision, threads: threads).hiddenStatesInRuns(messages)
        #expect(one.map(bits) == many.map(bits))
    }

    /// Gates made in one tile or in several: here two, of 128 and of 64 columns.
    @Test(arguments: precisions, KernelSet.available)
    func anyCutOfGates(_ precision: Precision, _ instructionSet: String) throws {
        let fixture = try EngineFixture("llama-qlora")
        let whole = try DecoderRunner(fixture, precision: precision, instructionSet: instructionSet)
        #expect(whole.decoder.workspace.gateColumns == 192)
        let expected = whole.hiddenStates(fixture.messages).map(bits)
        for threads in [1, 3] {
            let cut = try DecoderRunner(
                fixture, precision: precision, instructionSet: instructionSet, threads: threads, leastGateColumns: 1)
            #expect(cut.decoder.workspace.gateColumns == 128)
            #expect(cut.hiddenStates(fixture.messages).map(bits) == expected)
        }
    }

    private func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }
}

extension DecoderRunner {
    /// Hidden states of more messages than one run holds.
    fileprivate func hiddenStatesInRuns(_ messages: [[Int32]]) -> [[Float]] {
        stride(from: 0, to: messages.count, by: 12).flatMap { start in
            hiddenStates(Array(messages[start..<min(start + 12, messages.count)]))
        }
    }
}
