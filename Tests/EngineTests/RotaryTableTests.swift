import Checkpoint
import Foundation
import Testing

@testable import Engine

@Suite struct RotaryTableTests {
    @Test func anglesArePositionTimesFrequency() {
        let table = RotaryTable(RotaryEmbedding(theta: 10_000), headSize: 8, positions: 5)
        #expect(table.width == 4)
        for position in 0..<5 {
            for index in 0..<4 {
                let angle = Double(position) * pow(10_000, -Double(2 * index) / 8)
                #expect(abs(Double(table.cosines[position * 4 + index]) - cos(angle)) < 1e-6)
                #expect(abs(Double(table.sines[position * 4 + index]) - sin(angle)) < 1e-6)
            }
        }
    }

    @Test func linearScalingDividesFrequencies() {
        var embedding = RotaryEmbedding(theta: 10_000)
        let plain = RotaryTable.frequencies(embedding, headSize: 16)
        embedding.scaling = .linear(factor: 4)
        #expect(RotaryTable.frequencies(embedding, headSize: 16) == plain.map { $0 / 4 })
    }
}
